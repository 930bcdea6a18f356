"""One call, from its offer to its end: what is heard, answered, said and written down."""
