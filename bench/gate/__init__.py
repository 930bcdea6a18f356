"""The gate: is a stage slower than it was?  See ``__main__``."""
