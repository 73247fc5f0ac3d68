"""How a training went, for people."""
