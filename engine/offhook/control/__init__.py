"""A running daemon as its operator sees it: its calls, what happens in them, and what it can be told."""
