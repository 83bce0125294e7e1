"""Code as text: languages, where blocks and lines end, where the cursor is. No tensors, no notebooks."""
