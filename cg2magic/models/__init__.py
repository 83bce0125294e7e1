"""Models: their names, and how they are loaded into memory."""
