"""`scenery inspect`: an artifact in the terminal, as its page shows it."""
