"""A user's folder → labelled files, their groups and their splits."""
