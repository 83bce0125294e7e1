"""What runs a model: here, the local torch engine."""
