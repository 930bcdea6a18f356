"""AGI: the commands, how they and their replies are kept in step, and what the header says of a call."""
