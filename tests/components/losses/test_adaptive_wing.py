"""The adaptive wing loss against its equations, number by number."""

from __future__ import annotations

import math

import pytest
import torch

from components.losses import adaptive_wing


def equation(difference: float, y: float) -> float:
    """Equations 2 to 4 of the paper, alpha 2.1, omega 14, epsilon 1, theta 0.5."""
    alpha, omega, epsilon, theta = 2.1, 14.0, 1.0, 0.5
    if difference < theta:
        return omega * math.log(1 + (difference / epsilon) ** (alpha - y))
    a = (
        omega
        * (1 / (1 + (theta / epsilon) ** (alpha - y)))
        * (alpha - y)
        * (theta / epsilon) ** (alpha - y - 1)
        / epsilon
    )
    c = theta * a - omega * math.log(1 + (theta / epsilon) ** (alpha - y))
    return a * difference - c


@pytest.mark.parametrize("difference", [0.0, 0.1, 0.4999, 0.5, 0.8, 3.0])
@pytest.mark.parametrize("y", [0.0, 0.1, 0.5, 1.0])
def test_a_cell_costs_what_the_equations_say(difference: float, y: float) -> None:
    target = torch.full((1, 1, 4, 4), y)
    weight = 11 if y >= 0.2 else 1  # section 4.3: cells near the Gaussian, where the dilated map reaches 0.2
    expected = weight * equation(difference, y)
    assert expected == pytest.approx(adaptive_wing(target - difference, target).item(), rel=1e-4, abs=1e-6)


def test_neighbours_of_the_gaussian_weigh_as_much_as_itself() -> None:
    target = torch.zeros(1, 1, 5, 5)
    target[0, 0, 2, 2] = 1.0
    predicted = torch.zeros(1, 1, 5, 5, requires_grad=True)
    adaptive_wing(predicted + 0.3, target).sum().backward()
    ratio = predicted.grad[0, 0, 1, 1] / predicted.grad[0, 0, 0, 0]
    assert 11.0 == pytest.approx(ratio.item(), rel=1e-4)


def test_both_sides_cost_alike() -> None:
    target = torch.full((1, 1, 4, 4), 0.3)
    torch.testing.assert_close(adaptive_wing(target + 0.2, target), adaptive_wing(target - 0.2, target))
