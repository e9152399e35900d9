"""Trial of the model on the server that will serve it."""
