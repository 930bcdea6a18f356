"""Calls that Asterisk brings by AudioSocket: a TCP connection, or a Unix socket's, for each."""
