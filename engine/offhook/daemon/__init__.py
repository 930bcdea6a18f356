"""The resident process: its life, which calls it admits, what it tells systemd."""

READY_LINE = "offhook: ready"
"""Printed on standard output by ``offhook serve`` when calls can come; scripts wait for it."""
