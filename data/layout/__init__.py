"""What a user's folder means: names, the walk, where classes and splits lie, what is not used."""
