"""Whether a model knows which landmarks are hidden: those that it calls hidden, held against those that are."""

from __future__ import annotations

import numpy as np

# What is called hidden must be hidden this often, for the recall that papers on COFW give.
PRECISION = 0.8


def precision_and_recall(score: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of what is called hidden, the share that is; and of what is hidden, the share that is called so.

    Args:
        score: (M,), the larger, the likelier hidden.
        hidden: (M,) bool, at least one of which is.

    Returns:
        Both (T,): with each of the T different scores as the least that is called hidden, the highest first.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # equal scores are called the same
    found = np.cumsum(hidden[order])[ends]
    return found / (ends + 1), found / hidden.sum()


def summarise_hidden(score: np.ndarray, hidden: np.ndarray) -> dict:
    """What is to be said in a few numbers of landmarks (M,), some of which are hidden, as in `precision_and_recall`.

    Returns:
        JSON-ready: how many landmarks are visible and hidden; the average precision, sum of precision times what recall rises by, which
        is the share of hidden landmarks for a model that knows nothing; and the highest recall at a precision of at least 80%, 0 where
        there is none.

    Reference: Burgos-Artizzu et al., "Robust Face Landmark Estimation under Occlusion", ICCV 2013, section 5 (recall at 80%).
    """
    precision, recall = precision_and_recall(score, hidden)
    return {
        "num_visible": int((~hidden).sum()),
        "num_hidden": int(hidden.sum()),
        "average_precision": float((precision * np.diff(recall, prepend=0)).sum()),
        "recall_at_80_precision": float(recall[precision >= PRECISION].max(initial=0)),
    }
