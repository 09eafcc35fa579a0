"""The order of faces: a permutation in every epoch, of the seed and the shards alone, that a window of shards can follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.order import WINDOW, epoch_order

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=3 * WINDOW).map(tuple)


@given(sizes=SIZES, seed=st.integers(0, 3), epoch=st.integers(0, 3))
def test_every_epoch_has_every_face_once(sizes: tuple[int, ...], seed: int, epoch: int) -> None:
    assert list(range(sum(sizes))) == sorted(epoch_order(seed, epoch, sizes).tolist())


def test_a_split_of_one_window_is_permuted_as_a_whole_however_it_is_cut() -> None:
    expected = np.random.default_rng([3, 0, 2]).permutation(1000)
    for sizes in ((1000,), (400, 600), (10,) * 100):
        np.testing.assert_array_equal(expected, epoch_order(3, 2, sizes))


def test_a_larger_one_is_in_another_order_in_every_epoch_and_of_every_seed() -> None:
    sizes = (4,) * (2 * WINDOW)
    orders = [epoch_order(seed, epoch, sizes).tolist() for seed in range(2) for epoch in range(2)]
    assert all(one != other for i, one in enumerate(orders) for other in orders[:i])


@given(sizes=SIZES, epoch=st.integers(0, 3))
def test_from_the_first_to_the_last_look_at_a_shard_no_more_than_a_window_are_looked_at(
    sizes: tuple[int, ...], epoch: int
) -> None:
    # So who keeps the last WINDOW of them reads each once in an epoch.
    looks = np.repeat(np.arange(len(sizes)), sizes)[epoch_order(0, epoch, sizes)]
    for shard in range(len(sizes)):
        first, last = np.flatnonzero(looks == shard)[[0, -1]]
        assert len(set(looks[first : last + 1].tolist())) <= WINDOW


def test_an_order_cannot_be_changed_by_who_reads_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(0, 0, (5,))[0] = 1
