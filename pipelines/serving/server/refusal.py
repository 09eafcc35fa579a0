"""Why a request gets no landmarks: an HTTP status and one sentence."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it is an answer, and nothing has gone wrong
    """Ends a request.

    Attributes:
        status: HTTP's.
        sentence: For whoever asked.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
