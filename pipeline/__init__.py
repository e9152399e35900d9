"""The wiring of the steps, and the ways to run them."""
