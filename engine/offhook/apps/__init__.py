"""AGI applications without audio: a Python function for each script that the dialplan runs."""
