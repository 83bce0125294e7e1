"""The text of code: languages, where blocks and lines end, where the cursor is. No tensor, no notebook."""
