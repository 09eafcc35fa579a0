"""Quantisation: how far off a perfect network's landmarks come back; closed forms of that error.

A perfect network says exactly what `render` draws, in the precision that it computes in. What is left of the error is
the codec's own: its floor.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100 v2), section 3, the analysis of quantisation error; Bulat et al.,
"Subpixel Heatmap Regression", BMVC 2021, section 3.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from components.codecs import Codec, Hih
from components.geometry import from_cells, to_cells

PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}
# Of 64 x 64 cells; a few MB, so that the maps are read while they are still in the cache.
MAPS_AT_ONCE = 256

# Of the plane's most evenly spread sequence: 1 / p and 1 / p^2 with p^3 = p + 1 (M. Roberts, "The Unreasonable
# Effectiveness of Quasirandom Sequences", 2018). Means come out to four digits where random positions give two.
SPREAD = (0.7548776662466927, 0.5698402909980532)

# The mean distance to the centre of a unit square: what rounding to a cell costs, cells.
ROUNDING = (math.sqrt(2) + math.asinh(1)) / 6
# A quarter towards the nearer neighbour leaves the distance to the centre of a square of half the side.
QUARTER = ROUNDING / 2


def bins_limit(decimal: int) -> float:
    """What rounding to one of `decimal` bins along each axis of the cell costs, cells."""
    return ROUNDING / decimal


def bfloat16_limit(sigma: float) -> float:
    """What reading sigma^2 / 2 * (ln map(1) - ln map(-1)) costs at least where both values are bfloat16, cells.

    With 7 bits behind the point, values from 1/2 to 1 have steps of 2^-8, and no value has relatively finer ones: each
    logarithm is off by at least 2^-8 / sqrt 12 in the root of the mean square. So x and y are by sigma^2 / sqrt 2 of
    that, and the mean length of the two is sqrt (pi / 2) of it again. Wider Gaussians come closer to it, since their
    values are closer to 1. A decoder that averages over more cells can be better.
    """
    return sigma**2 * 2**-8 / math.sqrt(12) * math.sqrt(math.pi) / 2


def spread_positions(count: int, low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """Positions (count, 2), evenly spread from `low` (x, y) to `high`, without chance."""
    unit = np.outer(np.arange(1, count + 1), SPREAD) % 1
    return np.array(low) + unit * (np.array(high) - np.array(low))


def decoding_errors(codec: Codec, precision: str, positions: np.ndarray) -> np.ndarray:
    """Decoded minus true position, (M, 2), (x, y), cells.

    Args:
        codec: Draws and reads.
        precision: Key in `PRECISIONS`, of the maps.
        positions: (M, 2), (x, y), cells, centre-based, on the map.
    """
    back = read_back(codec, precision, from_cells(positions, codec.stride))
    return to_cells(back.astype(np.float64), codec.stride) - positions


def read_back(codec: Codec, precision: str, landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (M, 2), (x, y), crop px, encoded, drawn and decoded: (M, 2) float32.

    Raises:
        ValueError: An unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
    size = max(1, MAPS_AT_ONCE * 64**2 // codec.side**2)
    starts = range(0, len(landmarks), size)
    parts = [_read_back(codec, PRECISIONS[precision], landmarks[start : start + size]) for start in starts]
    return np.concatenate([np.zeros((0, 2), np.float32), *parts])


def _read_back(codec: Codec, dtype: torch.dtype, landmarks: np.ndarray) -> np.ndarray:
    # One landmark a face: the offset map of the head "od" is shared by a face's landmarks.
    targets = codec.encode(landmarks[:, None], np.ones((len(landmarks), 1), bool))
    batch = {name: torch.from_numpy(value) for name, value in targets.items()}
    said = {**codec.render(batch), **_perfect_parts(codec, batch)}
    return codec.decode({name: value.to(dtype) for name, value in said.items()}).landmarks[:, 0].numpy()


def _perfect_parts(codec: Codec, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a perfect head says that regresses the decimal part; for others, nothing beside the maps."""
    kind = codec.head.kind if codec.head else None
    if kind == "afc":
        return {"offset": batch["parts"]}
    if kind == "od":
        return {"offset_map": batch["parts"][:, 0, :, None, None].expand(-1, -1, codec.side, codec.side)}
    return {}


def border_cells(codec: Codec) -> int:
    """The number of cells along a border in which the border itself can change what is read."""
    if isinstance(codec, Hih):
        # Released targets are placed by truncation towards 0, which is no rounding down only left of 0.
        return math.ceil(3 * codec.sigma) if codec.bins == "released" and (3 * codec.sigma) % 1 else 0
    blurred = round(3 * codec.sigma) + 2
    window = codec.window // 2
    return {"argmax": 0, "quarter": 1, "log_quadratic": 1, "dark": blurred}.get(codec.decoder, window)
