"""What exists in the kernel: which names may come next in code, read without running any code of objects."""
