"""The HTTP gateway in front of Triton: protocols, bounds, access and the page."""
