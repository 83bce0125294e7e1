"""Models in GGUF files: their headers, their tokenizers, where people keep them, and llama.cpp that runs them."""
