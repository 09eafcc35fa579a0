"""Addresses as they may be shown: without passwords and tokens."""

from __future__ import annotations

import re
import sys
import traceback
from types import TracebackType


def without_secrets(text: str) -> str:
    """The text, with what may be secret taken out of every address in it: user and password, and values behind a "?".

    >>> without_secrets("https://me:pa@ss@host/mlflow?token=x does not answer")
    'https://host/mlflow?... does not answer'
    """
    text = re.sub(r"(?<=://)[^\s`'\"]*@", "", text)
    return re.sub(r"(://[^\s`'\"?]*\?)[^\s`'\"]+", r"\1...", text)


def hide_in_tracebacks() -> None:
    """From here on, an error that nobody caught is shown without secrets, too."""
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(without_secrets("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr, flush=True)
