"""Text that others wrote, as it may be shown: names of files, faces and subsets come from archives of strangers."""

from __future__ import annotations

import unicodedata

# Control characters, invisible ones (which also turn the direction of writing), halves of surrogate pairs (as which
# Python keeps the bytes of a name that is not UTF-8), and the two separators that end a line.
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    r"""The text with everything escaped that moves a cursor, ends a line, turns the writing or is not UTF-8.

    What is escaped stays so when it is escaped again. Letters of all scripts are left alone.

    >>> printable("\x1b[2Jface\nfaces: 9")
    '\\x1b[2Jface\\nfaces: 9'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in HIDDEN else c for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
