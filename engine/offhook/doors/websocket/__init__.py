"""Calls that Asterisk brings by chan_websocket: an HTTP upgrade, then text that controls and audio."""
