"""Everything a person sees. Nothing below imports it."""
