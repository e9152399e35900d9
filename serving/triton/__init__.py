"""The Triton server of nvidia-pytriton: its model repository, its process, its backend."""
