"""Two other ways to build the same thing, for comparison: measured with the same calls in the same run."""
