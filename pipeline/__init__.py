"""The steps of the pipeline wired together, and the command lines that run them."""
