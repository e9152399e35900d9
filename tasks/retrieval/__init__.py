"""Search among images by their embeddings: the gallery, the search, its rates, and what spoils it."""
