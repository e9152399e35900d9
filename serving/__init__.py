"""Serving of pushed models. Knows nothing but the SavedModel and the contract in its assets."""
