"""One pass of inference: the exported model's answers about every held-out image."""
