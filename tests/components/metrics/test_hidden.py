"""Whether a model knows which landmarks are hidden: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics import summarise_hidden
from components.metrics.hidden import precision_and_recall

SCORE = np.array([0.9, 0.8, 0.8, 0.6, 0.5, 0.1])
HIDDEN = np.array([True, True, True, False, True, False])


def test_precision_and_recall_at_each_threshold_with_equal_scores_together() -> None:
    precision, recall = precision_and_recall(SCORE, HIDDEN)
    # By hand, of 4 hidden: the first; the first three; four of which three; five of which four; all.
    np.testing.assert_allclose(precision, [1, 1, 3 / 4, 4 / 5, 4 / 6])
    np.testing.assert_allclose(recall, [1 / 4, 3 / 4, 3 / 4, 1, 1])


def test_the_order_of_the_landmarks_is_no_matter() -> None:
    order = np.random.default_rng(0).permutation(len(SCORE))
    assert summarise_hidden(SCORE, HIDDEN) == summarise_hidden(SCORE[order], HIDDEN[order])


def test_the_summary_by_hand() -> None:
    said = summarise_hidden(SCORE, HIDDEN)
    # 1 * 1/4 + 1 * 2/4 + 3/4 * 0 + 4/5 * 1/4; the recall of all four comes at a precision of exactly 80%.
    assert pytest.approx(0.95) == said.pop("average_precision")
    assert {"num_visible": 2, "num_hidden": 4, "recall_at_80_precision": 1.0} == said


def test_a_model_that_knows_nothing_has_the_share_of_hidden_landmarks() -> None:
    said = summarise_hidden(np.zeros(6), HIDDEN)
    assert pytest.approx(4 / 6) == said["average_precision"]
    assert 0.0 == said["recall_at_80_precision"]  # 67% of what it calls hidden is


def test_all_wrong_is_worse_than_nothing() -> None:
    said = summarise_hidden(-SCORE, HIDDEN)
    # By hand, the hidden ones come second, fourth together with a third, and last.
    assert pytest.approx((1 / 2 * 1 + 3 / 5 * 2 + 4 / 6 * 1) / 4) == said["average_precision"]
