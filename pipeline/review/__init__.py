"""Review of labels: what a person decides about images, and what of it goes into the next run."""
