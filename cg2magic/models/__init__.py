"""Models: the names they are known by, and how they get into memory."""
