"""Siamese consistency: perfect maps of two views of a face agree, and only by warp, flip and mask together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.augment import NO_AUGMENT, Augment, Views, draw_views, view_landmarks
from components.codecs import Subpixel
from components.codecs.base import gaussian_maps
from components.geometry import compose, invert, to_unit
from components.losses import HEATMAP_LOSSES
from components.losses.siamese import siamese_consistency, warp_back
from components.schemes import IBUG68

CODEC = Subpixel(crop=128, stride=4, sigma=1.5)
STORED = 212
STRONG = Augment(flip=0.5, rotate=1, rotate_deg=30, scale=0.2, move=1, shift=0.1, colour=0, blur=0, occlude=0)
FLIP = torch.tensor(IBUG68.flip)
FACES = 8
# The difference of two maps as the loss of the published networks measures it.
SQUARED = HEATMAP_LOSSES["mse"].between


def drawn(augment: Augment, seed: int = 0) -> tuple[Views, torch.Tensor]:
    """2 x 8 views, and the ways back (16, 2, 3) from the plain crop to each."""
    views = draw_views(augment, np.random.default_rng(seed), 2 * FACES, STORED, CODEC.crop)
    plain = draw_views(NO_AUGMENT, np.random.default_rng(0), 1, STORED, CODEC.crop).affine
    back = to_unit(compose(views.affine, invert(plain)), CODEC.crop, CODEC.crop)
    return views, torch.from_numpy(back.astype(np.float32))


def perfect(views: Views, keep: float = 0.15) -> torch.Tensor:
    """The maps (16, 68, 32, 32) of a network that makes no error, on landmarks around the middle of the face."""
    middle = np.random.default_rng(1).uniform(STORED * (0.5 - keep), STORED * (0.5 + keep), (FACES, 68, 2))
    landmarks = view_landmarks(middle.astype(np.float32).repeat(2, axis=0), views, IBUG68.flip)
    targets = CODEC.encode(landmarks, np.ones(landmarks.shape[:2], bool))
    assert 1 == targets["weight"].min()
    return CODEC.render({name: torch.from_numpy(value) for name, value in targets.items()})["heatmap"]


def consistency(maps: torch.Tensor, views: Views, back: torch.Tensor, flip: torch.Tensor = FLIP) -> torch.Tensor:
    return siamese_consistency(maps, back, torch.from_numpy(views.flipped), flip, SQUARED)


# What is left for perfect maps is the scale that differs between views (a Gaussian of the same sigma in both), and the
# interpolation. Without these, only the interpolation is left.
RIGID = Augment(flip=0.5, rotate=1, rotate_deg=30, scale=0, move=1, shift=0.1, colour=0, blur=0, occlude=0)


def test_perfect_maps_are_nearly_consistent() -> None:
    views, back = drawn(RIGID)
    maps = perfect(views)
    # Mean square of a perfect map over its cells, pi sigma^2 / 1024: 0.0069. Bilinear sampling loses less than 2% of it.
    assert 0.02 * 0.0069 > consistency(maps, views, back).mean().item()


def test_perfect_maps_of_views_of_other_scales_are_still_close() -> None:
    views, back = drawn(STRONG)
    assert 0.1 * 0.0069 > consistency(perfect(views), views, back).mean().item()


@pytest.mark.parametrize("left_out", ["warp", "flip", "both"])
def test_leaving_out_the_warp_or_the_permutation_shows(left_out: str) -> None:
    views, back = drawn(RIGID)
    assert {True, False} == set(views.flipped[0::2] != views.flipped[1::2])
    still = torch.eye(2, 3).repeat(2 * FACES, 1, 1)
    loss = consistency(
        perfect(views), views, still if left_out in ("warp", "both") else back,
        torch.arange(68) if left_out in ("flip", "both") else FLIP,
    )  # fmt: skip
    # By far not the same maps: a sixth of their mean square at least, on average over the faces.
    assert 0.0069 / 6 < loss.mean().item()


def test_only_what_both_views_show_is_compared() -> None:
    # A field over the whole face, seen by both views: what lies beyond a view's border is not known to it.
    views, back = drawn(RIGID)
    side = CODEC.side
    plain = draw_views(NO_AUGMENT, np.random.default_rng(0), 1, STORED, CODEC.crop).affine[0]
    rows, columns = np.mgrid[:side, :side]
    px = np.stack([columns, rows], -1).reshape(-1, 2) * 4 + 1.5
    fields = []
    for view in views.affine:
        x, y = ((compose(plain, invert(view))[:, :2] @ px.T).T + compose(plain, invert(view))[:, 2]).T
        fields.append(np.sin(x / 40) + np.cos(y / 50))
    maps = torch.from_numpy(np.stack(fields).astype(np.float32)).view(2 * FACES, 1, side, side)
    one = torch.zeros(1, dtype=torch.int64)
    assert 1e-4 > consistency(maps, views, back, one).max().item()
    # And with the mask left out, it is not zero.
    warped, seen = warp_back(maps, back, torch.from_numpy(views.flipped), one)
    assert 0.9 > seen.float().mean().item()
    assert 1e-3 < (warped[0::2] - warped[1::2]).square().mean().item()


def test_what_is_beyond_the_other_views_border_has_no_gradient() -> None:
    # View 1 is shifted by half a crop to the right: of view 0, it shows columns 0 to 15 only, as its 16 to 31.
    back = torch.stack([torch.eye(2, 3), torch.tensor([[1.0, 0, 1.0], [0, 1, 0]])])
    maps = torch.rand(2, 1, 32, 32, requires_grad=True)
    siamese_consistency(maps, back, torch.tensor([False, False]), torch.tensor([0]), SQUARED).sum().backward()
    touched = maps.grad.abs().sum((1, 2)) > 0
    assert list(range(16)) == touched[0].nonzero().flatten().tolist()
    assert list(range(16, 32)) == touched[1].nonzero().flatten().tolist()


def test_a_pair_that_shares_nothing_costs_nothing() -> None:
    back = torch.stack([torch.eye(2, 3), torch.tensor([[1.0, 0, 5.0], [0, 1, 0]])])
    loss = siamese_consistency(torch.rand(2, 3, 8, 8), back, torch.tensor([False, False]), torch.arange(3), SQUARED)
    assert [[0.0, 0.0, 0.0]] == loss.tolist()


def test_both_views_are_pulled_towards_each_other() -> None:
    maps = torch.rand(2, 1, 8, 8, requires_grad=True)
    back = torch.eye(2, 3).repeat(2, 1, 1)
    loss = siamese_consistency(maps, back, torch.tensor([False, False]), torch.tensor([0]), SQUARED)
    # By hand: the same place, so the mean squared difference; its gradients are opposite.
    assert (maps[0] - maps[1]).square().mean().item() == pytest.approx(loss.item(), rel=1e-5)
    loss.sum().backward()
    torch.testing.assert_close(maps.grad[0], -maps.grad[1])


def gaussians(centres: torch.Tensor, loss: str) -> torch.Tensor:
    """What a network that finds these cells (N, K, 2) says under a loss: (N, K, 32, 32)."""
    maps = gaussian_maps(centres, torch.ones(centres.shape[:2]), 1.5, 32)
    return maps if HEATMAP_LOSSES[loss].as_drawn else maps.clamp_min(1e-6).log()


@pytest.mark.parametrize("loss", sorted(set(HEATMAP_LOSSES) - {"star"}))  # STAR compares no maps
@pytest.mark.parametrize("error", [0.3, 1.0, 3.0])
def test_beside_every_loss_the_term_pulls_as_the_supervised_loss_of_one_view_does(loss: str, error: float) -> None:
    # Each view is off by the same distance from the truth, in directions of its own.
    torch.manual_seed(0)
    truth = 10 + 12 * torch.rand(FACES, 5, 2).repeat_interleave(2, 0)
    angle = 2 * torch.pi * torch.rand(2 * FACES, 5)
    found = truth + error * torch.stack([angle.cos(), angle.sin()], -1)
    said = gaussians(found, loss).requires_grad_()
    named, target = HEATMAP_LOSSES[loss], gaussian_maps(truth, torch.ones(2 * FACES, 5), 1.5, 32)
    supervised = named.loss(said, target, truth).sum()
    still, upright = torch.eye(2, 3).repeat(2 * FACES, 1, 1), torch.zeros(2 * FACES, dtype=torch.bool)
    between = siamese_consistency(named.read(said, 1.5), still, upright, torch.arange(5), named.between).sum()
    pulls = [torch.autograd.grad(each, said, retain_graph=True)[0].norm() for each in (supervised, between)]
    # Two errors of independent directions are sqrt(2) apart, and of each the term counts half.
    assert 0.25 < (pulls[1] / pulls[0]).item() < 1.5


@pytest.mark.parametrize("loss", sorted(HEATMAP_LOSSES))
def test_maps_that_agree_cost_nothing(loss: str) -> None:
    cells = 10 + 12 * torch.rand(FACES, 3, 2, generator=torch.Generator().manual_seed(0))
    maps, shared = gaussian_maps(cells, torch.ones(FACES, 3), 1.5, 32), torch.ones(FACES, 32, 32, dtype=torch.bool)
    torch.testing.assert_close(HEATMAP_LOSSES[loss].between(maps, maps, shared), torch.zeros(FACES, 3))
