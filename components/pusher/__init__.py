"""The push of a blessed model to serving."""
