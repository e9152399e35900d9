"""The feature cache: what the frozen part of a backbone computes, computed once."""
