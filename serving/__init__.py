"""Serving of pushed models; depends only on the SavedModel and the contract in its assets."""
