"""The recipe of the embedded model ``mini``: from pinned sources to an exported checkpoint."""
