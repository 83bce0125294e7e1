"""Weights in 8 bits: the linear layer, its kernels, and the cache on disk."""
