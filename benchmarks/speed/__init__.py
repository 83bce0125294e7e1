"""The speed of this package beside that of other ways to run the same model, in one run on one machine."""
