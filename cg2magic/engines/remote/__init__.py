"""The model on a server: how to connect to it, send requests and read its tokens."""
