"""What it gains that suggestions may use only names that are in the kernel; see ``__main__``."""
