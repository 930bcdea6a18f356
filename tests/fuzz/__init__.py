"""Parsers of what strangers send, fed with anything at all: ``python -m tests.fuzz --help``."""
