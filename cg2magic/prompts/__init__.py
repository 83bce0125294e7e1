"""Text to token ids and back: vocabularies, the families' formats, budgets, candidates. No tensor."""
