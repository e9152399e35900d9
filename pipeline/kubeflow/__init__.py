"""The pipeline on Kubeflow Pipelines: compiled, run step by step in containers, submitted."""
