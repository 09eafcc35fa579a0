"""Several sources in one training: whose turn it is, exactly, for any number of workers and wherever it begins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.mixture import Mixture

SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=5).map(lambda parts: tuple(p / sum(parts) for p in parts))


def straight(sizes: tuple[int, ...]):
    """Every epoch in the order of the rows."""
    return lambda source, epoch: np.arange(sizes[source])


def test_one_source_is_a_sequence_of_its_own_epochs() -> None:
    # By hand: of 3 faces, places 2 to 6 are the last of the first epoch, the second whole, the first of the third.
    assert [2, 0, 1, 2, 0] == Mixture((3,), (1.0,)).rows(2, 7, straight((3,))).tolist()


def test_each_source_goes_through_its_own_epochs_and_has_its_own_rows() -> None:
    mixture = Mixture((3, 2), (0.75, 0.25))
    # By hand, four faces a step: three of the first, rows 0 to 2; one of the second, rows 3 and 4 by turns.
    steps = [mixture.rows(4 * step, 4 * step + 4, straight((3, 2))).tolist() for step in range(3)]
    assert [[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 3]] == steps


def test_halves_are_rounded_to_even() -> None:
    # By hand: of 1, 2, 3, 5 and 6 faces a half is 0.5, 1, 1.5, 2.5, 3.
    assert [0, 1, 2, 2, 3] == [Mixture((9, 9), (0.5, 0.5)).taken(count)[1] for count in (1, 2, 3, 5, 6)]


@given(SHARES, st.integers(0, 100_000), st.integers(0, 70))
def test_counts_add_up_never_fall_and_are_within_a_face_of_the_shares(shares: tuple, count: int, more: int) -> None:
    mixture = Mixture((5,) * len(shares), shares)
    before, after = mixture.taken(count), mixture.taken(count + more)
    assert (count, count + more) == (sum(before), sum(after))
    assert all(0 <= one <= other for one, other in zip(before, after, strict=True))
    # Each level of the division adds at most half a face, and passes on a share of the error before it.
    assert all(abs(taken - share * count) <= 1 + 1e-6 for taken, share in zip(before, shares, strict=True))


@given(SHARES, st.integers(1, 40), st.integers(0, 30))
def test_a_sequence_is_the_same_however_it_is_cut_into_steps(shares: tuple, batch: int, first: int) -> None:
    sizes = tuple(range(1, len(shares) + 1))
    mixture = Mixture(sizes, shares)
    rows = [mixture.rows(first + i * batch, first + (i + 1) * batch, straight(sizes)) for i in range(3)]
    whole = mixture.rows(first, first + 3 * batch, straight(sizes))
    # Within a step, faces stand source by source; of each source the order is the same.
    starts = np.cumsum([0, *sizes])
    for low, high in pairwise(starts):
        one, other = (part[(part >= low) & (part < high)] for part in (np.concatenate(rows), whole))
        assert one.tolist() == other.tolist()
    assert all(batch == len(part) for part in rows)


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_over_many_steps_the_shares_hold_to_a_face(batch: int) -> None:
    mixture = Mixture((11, 5, 3), (0.7, 0.2, 0.1))
    rows = np.concatenate([mixture.rows(i * batch, (i + 1) * batch, straight((11, 5, 3))) for i in range(1000)])
    counts = [int(((rows >= low) & (rows < high)).sum()) for low, high in [(0, 11), (11, 16), (16, 19)]]
    np.testing.assert_allclose(np.array([700, 200, 100]) * batch, counts, atol=1)
