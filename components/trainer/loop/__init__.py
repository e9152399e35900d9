"""Training itself: phases, epochs, batches, losses, optimizers, checkpoints."""
