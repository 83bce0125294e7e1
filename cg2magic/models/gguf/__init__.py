"""Models in GGUF files: where people keep them, what is in them, and llama.cpp, which runs them."""
