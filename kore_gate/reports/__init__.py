"""The files a call leaves, and what the console shows of it."""
