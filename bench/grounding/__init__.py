"""The businesses that the matcher is trained on, how it is trained, and what callers do with their words."""
