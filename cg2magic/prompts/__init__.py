"""Convert text to token ids and back, without tensors: vocabularies, formats, the budget, candidates."""
