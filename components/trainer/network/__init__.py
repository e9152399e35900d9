"""Network of the classifier: building, cutting, description and explanation."""
