"""What exists in the kernel: which names may come next in code, read from objects without running any of them."""
