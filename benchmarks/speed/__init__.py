"""Compare the speed of this package with other ways to run the same model, in one run on one machine."""
