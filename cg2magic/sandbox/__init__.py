"""Where code that nobody has read is run: `--check` and the evaluations, and nothing else, run it here."""
