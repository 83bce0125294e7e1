"""Engines, which run a model: the local torch engine, or a server."""
