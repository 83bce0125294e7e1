"""Does the code that a model writes work? The benchmarks of the papers, run in the sandbox."""
