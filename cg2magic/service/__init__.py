"""The one resident model of a kernel, and what it is asked to do."""
