"""Does what a model wrote work? Benchmarks, and the sandbox that runs code nobody has read."""
