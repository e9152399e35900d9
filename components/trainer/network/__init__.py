"""The classifier as a network: how it is built, cut, described and explained."""
