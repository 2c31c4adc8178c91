"""Which CI system this is, and how it is spoken to."""
