"""A GGUF in this process: llama.cpp computes the logits, and the local engine does the rest."""
