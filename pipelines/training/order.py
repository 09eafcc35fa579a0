"""In which order a training sees its faces: of the seed, the epoch and the split's shards, and of nothing else.

An epoch of a split of up to WINDOW shards is a permutation of its faces. Of a larger one it is a permutation of its shards,
and of the faces within each WINDOW of them: whoever reads the shards as they come holds so many at a time, and no more. That
is one rule for all machines and any number of workers: whether a split is held in memory or streamed decides no result.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# Shards. Of 256 faces with 256 px crops and their margin they take 1.6 GB, and of 128 with 128 px 0.3 GB.
WINDOW = 128


@lru_cache(maxsize=16)  # an epoch's end and the next one's begin share a batch; a million faces take 8 MB and 35 ms
def epoch_order(seed: int, epoch: int, sizes: tuple[int, ...], source: int = 0) -> np.ndarray:
    """Rows (N,) of a source's split in an epoch's order; read-only.

    Args:
        seed: Of the training.
        epoch: From 0.
        sizes: Rows of each shard; rows are counted through all of them.
        source: Number of the source, each with an order of its own.
    """
    rng = np.random.default_rng([seed, 0, epoch, *([source] if source else [])])
    ends = np.cumsum(sizes)
    if len(sizes) <= WINDOW:
        order = rng.permutation(int(ends[-1]))
    else:
        shards = rng.permutation(len(sizes))
        windows = [shards[first : first + WINDOW] for first in range(0, len(shards), WINDOW)]
        order = np.concatenate([rng.permutation(_rows(window, ends, sizes)) for window in windows])
    order.flags.writeable = False
    return order


def _rows(shards: np.ndarray, ends: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([np.arange(ends[shard] - sizes[shard], ends[shard]) for shard in shards.tolist()])
