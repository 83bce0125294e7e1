"""The model in this process: prefill, decode, sample, score."""
