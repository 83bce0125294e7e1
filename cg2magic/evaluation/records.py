"""Rows in a JSON Lines file that only grows, and that survives a kill in the middle of a write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cg2magic.errors import UsageError

Row = dict[str, Any]


class Records:
    """What is in the file, and what is added to it.

    Parameters
    ----------
    path : Path
        Need not exist. A last line that was only half written is removed.

    Attributes
    ----------
    rows : list of dict

    Raises
    ------
    UsageError
        If any other line can't be read: then the file is not ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            path.write_bytes(whole)
        self.rows: list[Row] = [self._read(i, line) for i, line in enumerate(whole.splitlines(), start=1)]

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows; they are in the file when this returns."""
        rows = list(rows)
        with self.path.open("ab") as file:
            file.write(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))
        self.rows += rows

    def _read(self, number: int, line: bytes) -> Row:
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UsageError(f"line {number} of {self.path} is not a JSON object: move the file away")
        return row
