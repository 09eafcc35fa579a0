"""What a configuration is called where people read it."""

from __future__ import annotations

from collections.abc import Mapping


def in_words(fields: Mapping[str, object]) -> str:
    """A codec or network as it is read.

    >>> in_words({"name": "subpixel", "stride": 4, "decoder": "soft_argmax"})
    'subpixel, stride 4, decoder soft_argmax'
    """
    name, *others = fields.items()
    return ", ".join([str(name[1]), *(f"{key.replace('_', ' ')} {value}" for key, value in others)])
