"""What a model learns: one folder a task, the same file names in each; see task.py."""
