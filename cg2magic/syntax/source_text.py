"""The text of a file as an editor shows it, whatever its encoding; its line ends are kept."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass

from cg2magic.errors import UsageError

#: Byte order marks that a file may begin with, in the order to try them; PowerShell's `>` writes UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: PEP 263: in one of the first two lines, if the first is a comment too; a cell magic may come before it.
_COOKIE = re.compile(rb"(?:%%.*\s+)*(?:[ \t\f]*(?:#.*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True, slots=True)
class SourceText:
    r"""What a file says.

    Attributes
    ----------
    text : str
        With ``\n`` at the end of its lines; if the file mixes several kinds, they stay as in the file.
    newline : str
        What ends its lines.
    """

    text: str
    newline: str

    def restored(self, code: str) -> str:
        """Return code that was made from the text, with the file's line ends."""
        return code.replace("\n", self.newline)


def decode(data: bytes, name: str, otherwise: str | None = None) -> SourceText:
    """Read the bytes of a file, in UTF-8 unless it begins with another encoding's mark or names one.

    Parameters
    ----------
    data : bytes
    name : str
        What errors call the file.
    otherwise : str, optional
        The encoding of a file that is not UTF-8 and names no encoding.

    Raises
    ------
    UsageError
        If it is in another encoding, or is not text.
    """
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    cookie = None if marked else _COOKIE.match(data)
    said = marked or (cookie[1].decode("ascii", "replace") if cookie else None)
    tried = [said] if said else list(dict.fromkeys(("utf-8", (otherwise or "utf-8").lower())))
    text, trouble = None, None
    for encoding in tried:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError as error:
            trouble = trouble or error
        except LookupError:
            raise UsageError(f"{name} names an unknown encoding: {encoding}") from None
    if text is None:
        assert trouble is not None
        line = data.count(b"\n", 0, trouble.start) + 1
        raise UsageError(
            f"{name} is not {' or '.join(tried)}: byte 0x{data[trouble.start]:02x} in line {line}; "
            "save it as UTF-8, or name its encoding in the first line, as in # -*- coding: latin-1 -*-"
        )
    if "\0" in text:
        raise UsageError(f"{name} is not text: it contains NUL bytes; save it as UTF-8")
    return _with_line_ends(text)


def _with_line_ends(text: str) -> SourceText:
    pairs, lines = text.count("\r\n"), text.count("\n")
    if not lines:
        return SourceText(text, os.linesep)
    if pairs == lines:
        return SourceText(text.replace("\r\n", "\n"), "\r\n")
    return SourceText(text, "\n")
