"""One script a claim: each runs ours and its reference in one go and prints the ratio.

They end with a line of JSON: claim, unit, reference, ours, ratio (above 1: ours is better), goal,
met, details.
"""
