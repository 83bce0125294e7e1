"""The model on a server: what it can do, and how it is asked."""
