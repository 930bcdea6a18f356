"""Models by name: what there is, where it comes from, and the folder that it is kept in."""
