"""Where code that nobody has read is run: only `--check` and the evaluations run such code, and only here."""
