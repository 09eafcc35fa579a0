"""What steps are fed: what they need, in order, and for a GPU a batch ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pipelines.training.feed import ahead, feed

CPU = torch.device("cpu")


def batches(count: int) -> Iterator[dict[str, np.ndarray]]:
    for i in range(count):
        yield {
            "pixels": np.full((2, 3, 4, 4), i, np.uint8),
            "landmarks": np.zeros((2, 5, 2), np.float32),
            "weight": np.ones((2, 5), np.float32),
            "back": np.zeros((2, 2, 3), np.float32),
            "flipped": np.zeros(2, bool),
        }


def test_a_step_gets_pixels_targets_and_ways_back_but_no_landmarks() -> None:
    fed = list(feed(batches(3), CPU, torch.contiguous_format))
    assert [{"pixels", "weight", "back", "flipped"}] * 3 == [set(batch) for batch in fed]
    assert [0, 1, 2] == [batch["pixels"][0, 0, 0, 0].item() for batch in fed]


def test_pixels_come_in_the_networks_memory_layout() -> None:
    (batch,) = feed(batches(1), CPU, torch.channels_last)
    assert batch["pixels"].is_contiguous(memory_format=torch.channels_last)


def test_what_is_asked_for_ahead_comes_in_order_and_ends() -> None:
    assert list(range(7)) == list(ahead(iter(range(7))))


def test_the_next_batch_is_made_while_one_is_used() -> None:
    made = threading.Event()

    def two() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    coming = ahead(two())
    assert 1 == next(coming)
    assert made.wait(10)  # nobody has asked for the second yet
    assert [2] == list(coming)


def test_an_error_comes_with_the_batch_that_it_belongs_to() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("face 3 is damaged")

    coming = ahead(broken())
    assert 1 == next(coming)
    with pytest.raises(ValueError, match="face 3 is damaged"):
        next(coming)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_is_fed_the_same() -> None:
    for one, other in zip(
        feed(batches(3), CPU, torch.contiguous_format),
        feed(batches(3), torch.device("cuda"), torch.contiguous_format),
        strict=True,
    ):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name].cpu()) for name in one)
