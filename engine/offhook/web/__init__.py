"""``offhook web``: a running daemon and its tenants in a browser; a process of its own, beside the daemon."""
