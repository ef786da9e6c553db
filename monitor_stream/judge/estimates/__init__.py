"""Performance before labels, and how far it can be believed."""
