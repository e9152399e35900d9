"""Detection: boxes of objects, their classes and scores."""
