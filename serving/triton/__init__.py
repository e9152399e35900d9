"""The real Triton server as nvidia-pytriton ships it: its repository, its process, its backend."""
