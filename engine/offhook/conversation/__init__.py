"""How an agent converses: what it makes of the caller's words, and what is said in return."""
