"""How calls come in, are heard and spoken to, and leave: one folder a door."""
