"""Does what a model wrote work? The benchmarks of the papers, run in the sandbox."""
