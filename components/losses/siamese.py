"""Siamese consistency: two views of a face must give the same maps, once both are warped back.

Reference: Bulat, Sanchez, Tzimiropoulos, "Subpixel Heatmap Regression for Facial Landmark Localization", BMVC 2021. The
abstract says that heatmaps are made consistent under geometric transforms. How maps are compared, the term's weight beside
the supervised losses and when it sets in are ours, not published; see docs/decisions/0007-two-views-are-two-rows.md.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional


def siamese_consistency(
    maps: torch.Tensor,
    back: torch.Tensor,
    flipped: torch.Tensor,
    flip: torch.Tensor,
    between: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """What each view's map, warped back, costs with the other's as its target; the mean of both.

    The target carries no gradient: each view is taught by the other, as by a drawn map. Under mean squares it comes to
    the same but for a factor of 2 on the gradient, since both differences are one.

    Args:
        maps: (2 N, K, h, w); rows 2 i and 2 i + 1 are two views of face i.
        back: (2 N, 2, 3), from the face's own frame to the view's, both with sides -1 to 1, see `geometry.to_unit`.
        flipped: (2 N,) bool; whether the view is mirrored.
        flip: (K,), the scheme's permutation: in a mirrored view, channel k is the face's landmark flip[k].
        between: `HeatmapLoss.between` of the loss that the maps are trained with.

    Returns:
        (N, K).
    """
    warped, seen = warp_back(maps, back, flipped, flip)
    one, other, shared = warped[0::2], warped[1::2], seen[0::2] & seen[1::2]
    return (between(one, other.detach(), shared) + between(other, one.detach(), shared)) / 2


def warp_back(
    maps: torch.Tensor, back: torch.Tensor, flipped: torch.Tensor, flip: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps (M, K, h, w) of views -> maps in the face's own frame, and which of its cells (M, h, w) the view shows.

    Arguments as of `siamese_consistency`.
    """
    grid = functional.affine_grid(back.to(maps.dtype), list(maps.shape), align_corners=False)
    # "border": a cell's value holds up to the crop's edge; beyond it, `seen` is False.
    warped = functional.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    seen = (grid.abs() <= 1).all(-1)
    return in_face_order(warped, flipped, flip), seen


def in_face_order(values: torch.Tensor, flipped: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
    """Values (M, K, ...) of views, those of mirrored ones put back into the order of the face's landmarks."""
    mirrored = flipped.view(-1, *[1] * (values.ndim - 1))
    return torch.where(mirrored, values[:, flip], values)
