"""The cases of the quantisation study: which codecs, sigmas, windows, temperatures, sizes and precisions are measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from components.codecs import Codec, Hih, Rounded, Subpixel
from studies.floors.quantisation import PRECISIONS

CROP = 256  # px
STRIDE, SIGMA = 4, 1.5  # what both papers use: 64 x 64 cells; the sigma is HIH's
SIGMAS = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
STRIDES = (8, 4, 2, 1)
TEMPERATURES = (1.0, 2.0, 3.0, 4.0, 5.5, 6.5, 7.5, 10.0, 11.0, 16.0, 24.0, 50.0)
WINDOWS = (3, 5, 7)
WINDOW_SIGMAS = (1.0, 1.5, 2.0)
DECIMALS = (2, 4, 16)


class Case(NamedTuple):
    """What is measured: a codec, and the precision of its maps, a key in `PRECISIONS`."""

    codec: Codec
    precision: str = "float32"


_hih = partial(Hih, crop=CROP)
_rounded = partial(Rounded, crop=CROP)
_subpixel = partial(Subpixel, crop=CROP)

# Called with stride and sigma. The names stand in tables and figures.
CONTENDERS: dict[str, Callable[..., Codec]] = {
    "rounded, argmax": partial(_rounded, decoder="argmax"),
    "rounded, quarter": _rounded,
    "argmax": partial(_subpixel, decoder="argmax"),
    "quarter": partial(_subpixel, decoder="quarter"),
    "soft-argmax 5 x 5": _subpixel,
    "soft-argmax 7 x 7": partial(_subpixel, window=7),
    "expectation 5 x 5": partial(_subpixel, decoder="expectation"),
    "expectation 7 x 7": partial(_subpixel, decoder="expectation", window=7),
    "DARK": partial(_subpixel, decoder="dark"),
    "log-quadratic": partial(_subpixel, decoder="log_quadratic"),
    "HIH released, cell only": partial(_hih, bins="released", decimal_head="woo"),
    "HIH released 8 x 8": partial(_hih, bins="released"),
    "HIH floor 8 x 8": _hih,
    "HIH floor, expectation": partial(_hih, decoder="expectation"),
    "HIH offset regressed": partial(_hih, decimal_head="afc"),
}

# What is measured at every size of the map; the others go with the size as these do.
SIZED = (
    "argmax",
    "quarter",
    "soft-argmax 5 x 5",
    "expectation 5 x 5",
    "DARK",
    "HIH released, cell only",
    "HIH released 8 x 8",
    "HIH floor 8 x 8",
)


def contender(name: str, sigma: float = SIGMA, stride: int = STRIDE, precision: str = "float32") -> Case:
    """One of `CONTENDERS`, by its name there."""
    return Case(CONTENDERS[name](sigma=sigma, stride=stride), precision)


def soft_argmax(window: int, temperature: float, sigma: float = SIGMA) -> Case:
    """The local soft-argmax."""
    return Case(_subpixel(stride=STRIDE, sigma=sigma, window=window, temperature=temperature))


def global_soft_argmax(sigma: float) -> Case:
    """The soft-argmax over the whole map, wherever its peak is; temperature 10."""
    return soft_argmax(2 * CROP // STRIDE - 1, 10.0, sigma)


def sized_hih(bins: str, decimal: int) -> Case:
    """Nested heatmaps with this many bins along each axis."""
    return Case(_hih(stride=STRIDE, sigma=SIGMA, bins=bins, decimal=decimal))


def all_cases() -> list[Case]:
    """Each case once."""
    by_sigma = [contender(name, sigma, STRIDE, how) for name in CONTENDERS for sigma in SIGMAS for how in PRECISIONS]
    by_stride = [contender(name, stride=stride) for name in SIZED for stride in STRIDES]
    tuned = [soft_argmax(5, temperature, sigma) for sigma in SIGMAS for temperature in TEMPERATURES]
    by_window = [
        soft_argmax(window, temperature, sigma)
        for window in WINDOWS
        for sigma in WINDOW_SIGMAS
        for temperature in TEMPERATURES
    ]
    everywhere = [global_soft_argmax(sigma) for sigma in WINDOW_SIGMAS]
    by_decimal = [sized_hih(bins, decimal) for bins in ("released", "floor") for decimal in DECIMALS]
    return list(dict.fromkeys([*by_sigma, *by_stride, *tuned, *by_window, *everywhere, *by_decimal]))
