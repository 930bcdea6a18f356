"""Calls that we place: who may be called and when, lists of them, and what came of each."""
