"""What runs a model: the local torch engine, or a server elsewhere."""
