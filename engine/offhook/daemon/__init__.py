"""The resident process: its life, which calls it admits, what it tells systemd."""
