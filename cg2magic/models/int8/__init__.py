"""Weights in 8 bits: the layer, its kernels, and the files they are kept in."""
