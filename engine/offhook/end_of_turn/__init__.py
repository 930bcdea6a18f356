"""When a caller has finished: how long to wait, and what their words say about it."""
