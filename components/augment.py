"""What a view of a face is: one composed warp, photometrics, blur, an occluder.

Parameters are drawn for a whole batch at once, in the batch's order, so that a worker that makes only some of its
faces draws the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from components.geometry import apply, similarity
from components.limits import NOT_NEGATIVE, SHARE, Range, check_range

# The table of a view whose colours stay as they are.
UNCHANGED = np.arange(256, dtype=np.uint8)[:, None]
TURN = Range(0, 180, "degrees to either side")


@dataclass(frozen=True)
class Augment:
    """How far a view may differ from its face.

    Attributes:
        flip: Share of mirrored views, 0 to 1.
        rotate: Share of turned views, 0 to 1.
        rotate_deg: Largest turn to either side, degrees, uniform.
        scale: Largest relative change of size, uniform in the logarithm: 0.2 gives 1/1.2 to 1.2.
        move: Share of shifted views, 0 to 1.
        shift: Largest shift along each axis, in crop sides, uniform.
        colour: Largest relative change of contrast about mid-gray, uniform in the logarithm: 0.2 gives 1/1.2 to 1.2; and
            largest change of brightness, uniform, of 128: 0.2 gives -25.6 to 25.6. Each channel changes by itself up to
            half as much, relatively.
        blur: Share of blurred views, 0 to 1; by a Gaussian of 0.3 px to 0.3 px + 1/51 of the crop's side, mostly mild.
        occlude: Share of views, 0 to 1, with a plain rectangle of 0.1 to 0.4 crop sides in both directions over them
            (as in HIH's released code).

    Raises:
        ValueError: A share outside 0 to 1, a turn outside 0 to 180 degrees, or another field below 0.
    """

    flip: float
    rotate: float
    rotate_deg: float
    scale: float
    move: float
    shift: float
    colour: float
    blur: float
    occlude: float

    def __post_init__(self) -> None:
        for name in ("flip", "rotate", "move", "blur", "occlude"):
            check_range(name, getattr(self, name), SHARE)
        check_range("rotate_deg", self.rotate_deg, TURN)
        for name in ("scale", "shift", "colour"):
            check_range(name, getattr(self, name), NOT_NEGATIVE)

    @property
    def room(self) -> float:
        """Side of the square, in crop sides, that holds every view: what a stored crop needs to show no black corner."""
        turn = np.deg2rad(min(self.rotate_deg, 45.0))
        return float((np.cos(turn) + np.sin(turn)) * (1 + 2 * self.shift) * (1 + self.scale))


NO_AUGMENT = Augment(flip=0, rotate=0, rotate_deg=0, scale=0, move=0, shift=0, colour=0, blur=0, occlude=0)


@dataclass(frozen=True, eq=False)
class Views:
    """Drawn parameters of N views.

    Attributes:
        affine: (N, 2, 3), stored crop px -> view px.
        flipped: (N,) bool.
        table: (N, 256, 3) uint8, the photometric change of each channel.
        blur_px: (N,) standard deviation in view px, 0 for none.
        occluder: (N, 4) x0, y0, x1, y1 in whole view px; empty for none.
        occluder_colour: (N, 3) uint8.
    """

    affine: np.ndarray
    flipped: np.ndarray
    table: np.ndarray
    blur_px: np.ndarray
    occluder: np.ndarray
    occluder_colour: np.ndarray

    def __getitem__(self, which: slice | np.ndarray) -> Views:
        return Views(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def draw_views(augment: Augment, rng: np.random.Generator, num: int, stored: int, crop: int) -> Views:
    """Draws `num` views of stored crops (side `stored` px) as crops (side `crop` px)."""
    flipped = rng.random(num) < augment.flip
    angle = rng.uniform(-augment.rotate_deg, augment.rotate_deg, num)
    scale = np.exp(np.log1p(augment.scale) * rng.uniform(-1, 1, num))
    shift = rng.uniform(-augment.shift, augment.shift, (num, 2)) * crop
    size = rng.uniform(0.1, 0.4, (num, 2)) * crop
    corner = rng.uniform(0, 1, (num, 2)) * (crop - size)
    hidden = rng.random((num, 1)) < augment.occlude
    occluder = np.where(hidden, np.concatenate([corner, corner + size], axis=1), 0).astype(np.int64)
    blurred = rng.random(num) < augment.blur
    angle = np.where(rng.random(num) < augment.rotate, angle, 0)
    shift = np.where(rng.random((num, 1)) < augment.move, shift, 0)
    # 256 px faces blurred by up to 5 px in HIH's released code; the same share of a crop here, squared for more mild ones.
    blur_px = np.where(blurred, 0.3 + rng.random(num) ** 2 * 5 * crop / 256, 0)
    return Views(
        affine=similarity(angle, scale, shift, flipped, stored, crop),
        flipped=flipped,
        table=_photometric_tables(augment.colour, rng, num),
        blur_px=blur_px,
        occluder=occluder,
        occluder_colour=rng.integers(0, 256, (num, 3)).astype(np.uint8),
    )


def _photometric_tables(strength: float, rng: np.random.Generator, num: int) -> np.ndarray:
    """(N, 256, 3) uint8: contrast about mid-gray, brightness, and a gain per channel, as one look-up."""
    contrast = np.exp(np.log1p(strength) * rng.uniform(-1, 1, (num, 1, 1)))
    brightness = rng.uniform(-strength, strength, (num, 1, 1)) * 128
    gain = np.exp(np.log1p(strength / 2) * rng.uniform(-1, 1, (num, 1, 3)))
    levels = np.arange(256.0)[None, :, None]
    return np.clip(np.rint(((levels - 128) * contrast + 128 + brightness) * gain), 0, 255).astype(np.uint8)


def render_view(pixels: np.ndarray, views: Views, index: int, crop: int, out: np.ndarray) -> None:
    """Draws view `index` of a stored crop.

    Args:
        pixels: (H, W, 3) uint8, RGB; or (H, W, 4), of which the fourth says nothing.
        views: The batch's parameters.
        index: Which of them.
        crop: Side of the view, px.
        out: (3, crop, crop) uint8, written in place.
    """
    # OpenCV warps four channels in half the time of three, to the same values.
    padded = pixels if pixels.shape[2] == 4 else cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    warped = cv2.warpAffine(padded, views.affine[index], (crop, crop), flags=cv2.INTER_LINEAR)
    # cv2.split into place is 8 times as fast as numpy's transpose, and a look-up per plane faster than one per pixel.
    if views.blur_px[index] > 0:
        cv2.split(_blur(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), float(views.blur_px[index])), list(out))
    else:
        cv2.split(warped, [*out, np.empty((crop, crop), np.uint8)])
    if (views.table[index] != UNCHANGED).any():
        for plane, table in zip(out, views.table[index].T, strict=True):
            cv2.LUT(plane, table, plane)
    x0, y0, x1, y1 = views.occluder[index]
    out[:, y0:y1, x0:x1] = views.occluder_colour[index][:, None, None]


def _blur(view: np.ndarray, sigma: float) -> np.ndarray:
    """cv2.GaussianBlur of its own width, in half the time: float sums are not bound to be bit-exact everywhere."""
    kernel = cv2.getGaussianKernel(round(6 * sigma + 1) | 1, sigma, cv2.CV_32F)
    return cv2.sepFilter2D(view, -1, kernel, kernel)


def view_landmarks(landmarks: np.ndarray, views: Views, flip: tuple[int, ...]) -> np.ndarray:
    """Moves landmarks (N, K, 2), stored crop px, into the views: (N, K, 2), crop px, permuted where mirrored."""
    moved = apply(views.affine, landmarks)
    return np.where(views.flipped[:, None, None], moved[:, list(flip)], moved)


def view_visible(
    visible: np.ndarray, landmarks: np.ndarray, views: Views, flip: tuple[int, ...], crop: int
) -> np.ndarray:
    """Which landmarks can be seen on the views: (N, K) float32, 1, 0 of hidden ones, NaN where nothing can be said.

    Args:
        visible: (N, K), of the faces, likewise.
        landmarks: (N, K, 2), (x, y), px of the views; NaN of a landmark without a position, which is hidden or unknown.
        views: The batch's parameters; what lies under an occluder is hidden, and of what lies beyond the view nothing is said.
        flip: (K,), the scheme's permutation.
        crop: Side of a view, px.
    """
    own = np.where(views.flipped[:, None], visible[:, list(flip)], visible)
    edges = views.occluder[:, None].astype(np.float32) - 0.5  # a pixel reaches half a px beyond its centre
    covered = ((landmarks >= edges[..., :2]) & (landmarks < edges[..., 2:])).all(axis=-1)
    beyond = ((landmarks < -0.5) | (landmarks >= crop - 0.5)).any(axis=-1)
    return np.where(np.isnan(own) | beyond, np.nan, np.where(covered, 0, own)).astype(np.float32)
