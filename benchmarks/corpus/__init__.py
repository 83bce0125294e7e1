"""The texts that are measured: frozen, so that a change of this package changes no figure.

Both are Python of this package as it was in November 2026, ordinary code that no model was trained on:
``package.txt`` the modules of its top folder, ``cells.txt`` those of its benchmark.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

HASHES = {
    "package.txt": "fceaf6b461232e89f45fe73e24d66aefe20b28318c7f670fd62e53781d828375",
    "cells.txt": "97fa353973dd197f80fa35954f56e02b39c292bd7c1d0b4d2884f91a22573606",
}


def read(name: str) -> str:
    """Read a text.

    Raises
    ------
    ValueError
        It is not what was measured before.
    """
    data = (Path(__file__).parent / name).read_bytes().replace(b"\r\n", b"\n")
    if hashlib.sha256(data).hexdigest() != HASHES[name]:
        raise ValueError(f"{name} was changed: figures of it can't be compared with earlier ones")
    return data.decode("utf-8")
