"""Engines of others, measured beside ours on the same machine, with the same models and the same phrases."""
