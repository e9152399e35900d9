"""Reading and writing files: of a user, who may be hostile, and of this project's own programs."""
