"""The one resident model of a kernel, and the work it is asked to do."""
