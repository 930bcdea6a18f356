"""What is said on the wires: the handoff socket and AGI."""
