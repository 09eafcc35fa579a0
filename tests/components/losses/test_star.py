"""STAR: the mean's error, counted less where the map is wide, and the width itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from components.losses import star

SIDE = 16


def gaussian(x: float, y: float, sx: float, sy: float, angle_deg: float = 0.0) -> torch.Tensor:
    """Logits (1, 1, 16, 16) of a Gaussian of these deviations, in cells, turned."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along, across = c * (columns - x) + s * (rows - y), -s * (columns - x) + c * (rows - y)
    return torch.from_numpy((-(along**2) / (2 * sx**2) - across**2 / (2 * sy**2)).astype(np.float32))[None, None]


def at(x: float, y: float) -> torch.Tensor:
    return torch.tensor([[[x, y]]])


def naive(logits: np.ndarray, truth: np.ndarray) -> float:
    """One map, by plain loops and numpy's eigenvectors; coordinates from -1 to 1 between the outermost centres."""
    share = np.exp(logits - logits.max())
    share /= share.sum()
    places = [(2 * c / (SIDE - 1) - 1, 2 * r / (SIDE - 1) - 1, share[r, c]) for r in range(SIDE) for c in range(SIDE)]
    mean = np.array([sum(p * x for x, _, p in places), sum(p * y for _, y, p in places)])
    covariance = np.zeros((2, 2))
    for x, y, p in places:
        covariance += p * np.outer([x - mean[0], y - mean[1]], [x - mean[0], y - mean[1]])
    covariance /= 1 - (share**2).sum()
    values, vectors = np.linalg.eigh(covariance)
    total = values.sum()
    for value, vector in zip(values, vectors.T, strict=True):
        error = abs(vector @ (2 * truth / (SIDE - 1) - 1 - mean))
        total += (error**2 / 0.02 if error < 0.01 else error - 0.005) / math.sqrt(value + 1e-5)
    return total


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
@pytest.mark.parametrize("truth", [(7.5, 8.0), (9.0, 6.0), (7.52, 8.02)])
def test_it_equals_a_plain_loop(angle: float, truth: tuple[float, float]) -> None:
    logits = gaussian(7.5, 8.0, 2.0, 1.0, angle)
    expected = naive(logits[0, 0].numpy().astype(float), np.array(truth))
    assert expected == pytest.approx(star(logits, at(*truth)).item(), rel=2e-3)


def test_an_error_along_the_map_counts_less_than_one_across() -> None:
    logits = gaussian(7.5, 7.5, 2.5, 1.0, 45)
    along, across = star(logits, at(8.5, 8.5)), star(logits, at(8.5, 6.5))
    base = star(logits, at(7.5, 7.5))
    # By hand: the same distance, divided by deviations of which one is 2.5 times the other (cut off at the border).
    assert 2.5 == pytest.approx(((across - base) / (along - base)).item(), rel=0.1)


def test_going_down_the_gradient_leads_to_a_narrow_map_at_the_truth() -> None:
    predicted = gaussian(6.0, 9.0, 2.0, 2.0).clone().requires_grad_()
    truth = at(8.4, 7.7)
    optimizer = torch.optim.Adam([predicted], lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        star(predicted, truth).sum().backward()
        optimizer.step()
    share = predicted.detach().flatten().softmax(0).view(SIDE, SIDE)
    steps = torch.arange(SIDE, dtype=torch.float32)
    x, y = (share.sum(0) * steps).sum().item(), (share.sum(1) * steps).sum().item()
    assert (8.4, 7.7) == (pytest.approx(x, abs=0.05), pytest.approx(y, abs=0.05))
    assert 1.0 > (share.sum(0) * (steps - x) ** 2).sum().item()


def test_a_round_map_has_a_finite_gradient() -> None:
    predicted = gaussian(7.5, 7.5, 2.0, 2.0).requires_grad_()
    star(predicted, at(9.0, 7.0)).sum().backward()
    assert predicted.grad.isfinite().all()
