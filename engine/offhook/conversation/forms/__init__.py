"""Filling in what a tool wants, one value after the other, with a caller and without a model."""
