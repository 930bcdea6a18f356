"""Asterisk's EAGI: the launcher hands its descriptors over, AGI plays and listens for keys."""
