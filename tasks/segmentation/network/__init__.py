"""The network of segmentation above a backbone: decoder and loss."""
