"""The pipeline on Kubeflow Pipelines: compiles it, runs its steps in containers, submits it."""
