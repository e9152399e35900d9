"""Statistics that several tasks share: counts, rates, intervals, paired comparisons, slices."""
