"""A Predictions artifact: a model's answers about held-out images, as every task keeps them."""
