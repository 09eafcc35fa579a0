"""Stored crops with their pixels decoded once and kept, where they fit into memory; else they are decoded at each use.

JPEG decoding is about half of what a sample costs. What is kept are the very pixels that decoding gives, as raw bytes in
the place of the JPEGs: a table as before, which Ray holds once on each node for all its tasks.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pyarrow as pa

from components.images import decode_own, side_own
from pipelines.runtime.memory import machine_bytes
from pipelines.training.crops import Streamed

# Of the machine's memory, for a training in this process; the rest is the training's own.
SHARE_OF_MEMORY = 1 / 4
# Of the smallest node's object store, for a training on Ray: batches on their way, and validation faces, lie there as well.
SHARE_OF_STORE = 1 / 2
# Kept as they are warped: OpenCV warps four channels in half the time of three.
CHANNELS = 4
GB = 1e9


def room_here() -> float:
    """Bytes that may be kept in this process."""
    return SHARE_OF_MEMORY * machine_bytes()


def room_on_ray() -> float:
    """Bytes that may be kept on every node of the Ray that is connected."""
    from pipelines.runtime import cluster

    return SHARE_OF_STORE * cluster.object_store_bytes()


def keep_decoded(crops: pa.Table | Streamed, room: float) -> pa.Table | Streamed:
    """The same faces with their pixels decoded, if they are held and that takes no more than `room` bytes; says which."""
    if isinstance(crops, Streamed):
        return crops
    takes = decoded_bytes(crops)
    sizes = f"{takes / GB:.3g} GB of pixels, room for {room / GB:.3g} GB"
    if takes > room:
        print(f"train: {len(crops)} faces are decoded at each use: {sizes}", flush=True)
        return crops
    print(f"train: {len(crops)} faces are decoded once and kept: {sizes}", flush=True)
    return with_pixels(crops)


def decoded_bytes(crops: pa.Table) -> int:
    """What the decoded pixels of stored crops take; all crops are as large as the first."""
    return len(crops) * CHANNELS * stored_side(crops) ** 2


def with_pixels(crops: pa.Table) -> pa.Table:
    """The table with its column of JPEGs replaced by one of decoded pixels; equal otherwise."""
    jpegs, side = crops.column("pixels"), stored_side(crops)
    # Arrow's memory goes back to the system when it is let go, numpy's need not.
    buffer = pa.allocate_buffer(decoded_bytes(crops))
    decoded = np.frombuffer(buffer, np.uint8).reshape(len(crops), side, side, CHANNELS)

    def decode(row: int) -> None:
        cv2.cvtColor(decode_own(jpegs[row].as_buffer()), cv2.COLOR_RGB2RGBA, decoded[row])

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV lets other threads run meanwhile
        for _ in pool.map(decode, range(len(crops))):
            pass
    flat = pa.Array.from_buffers(pa.uint8(), decoded.size, [None, buffer])
    # Lists: of a row of fixed-size binary, which says the same, Arrow makes a copy.
    kept = pa.FixedSizeListArray.from_arrays(flat, CHANNELS * side**2)
    return crops.set_column(crops.column_names.index("pixels"), "pixels", kept)


def pixels_of(stored: pa.Scalar) -> np.ndarray:
    """One crop of either kind: (H, W, 3) uint8 RGB, just decoded, or (H, W, 4), kept, with an alpha that says nothing."""
    if not pa.types.is_fixed_size_list(stored.type):
        return decode_own(stored.as_buffer())
    side = _kept_side(stored.type)
    return stored.values.to_numpy().reshape(side, side, CHANNELS)


def stored_side(crops: pa.Table | Streamed) -> int:
    """Side of the stored crops, px, from the first one."""
    first = crops.column("pixels")[0]
    return _kept_side(first.type) if pa.types.is_fixed_size_list(first.type) else side_own(first.as_buffer())


def _kept_side(kind: pa.DataType) -> int:
    return math.isqrt(kind.list_size // CHANNELS)
