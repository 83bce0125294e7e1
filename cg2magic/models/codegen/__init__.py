"""CodeGen2: its checkpoints, its layers, and export to files for other programs."""
