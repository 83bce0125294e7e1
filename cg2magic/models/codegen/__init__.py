"""CodeGen2: its checkpoints, its layers, and the files that other programs read."""
