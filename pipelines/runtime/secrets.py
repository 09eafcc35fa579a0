"""Addresses as they may be shown: without passwords and tokens."""

from __future__ import annotations

import re


def without_secrets(text: str) -> str:
    """The text, with what may be secret taken out of every address in it: user and password, and values behind a "?".

    >>> without_secrets("https://me:pa@ss@host/mlflow?token=x does not answer")
    'https://host/mlflow?... does not answer'
    """
    text = re.sub(r"(?<=://)[^\s`'\"]*@", "", text)
    return re.sub(r"(://[^\s`'\"?]*\?)[^\s`'\"]+", r"\1...", text)
