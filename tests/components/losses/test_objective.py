"""What is minimised."""

from __future__ import annotations

import pytest
import torch

from components.losses import HEATMAP_LOSSES, coordinate_soft_classification
from components.losses.objective import objective


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=sorted(HEATMAP_LOSSES))
def heatmap_loss(request: pytest.FixtureRequest):
    return HEATMAP_LOSSES[request.param].loss


MAPS = {"heatmap": noise(2, 3, 8, 8, seed=1), "decimal": noise(2, 3, 4, 4, seed=2)}


def test_stacks_count_alike_and_landmarks_by_their_weight(heatmap_loss) -> None:
    outputs, weight = {"heatmap": noise(2, 4, 3, 8, 8)}, torch.tensor([[1.0, 0.0, 1.0], [0.5, 1.0, 0.0]])
    total, weights = objective(outputs, MAPS, weight, heatmap_loss, decimal_weight=0.05)
    expected = 0.0
    for n in range(2):  # independent: face by face, landmark by landmark, stack by stack
        for k in range(3):
            for s in range(4):
                one = heatmap_loss(outputs["heatmap"][n : n + 1, s, k : k + 1], MAPS["heatmap"][n : n + 1, k : k + 1])
                expected += weight[n, k].item() * one.item() / 4
    assert expected == pytest.approx(total.item(), rel=1e-5)
    assert 3.5 == weights.item()


def test_equal_stacks_cost_as_one(heatmap_loss) -> None:
    one = noise(2, 1, 3, 8, 8)
    single, _ = objective({"heatmap": one}, MAPS, torch.ones(2, 3), heatmap_loss, 0.0)
    triple, _ = objective({"heatmap": one.expand(2, 3, 3, 8, 8)}, MAPS, torch.ones(2, 3), heatmap_loss, 0.0)
    torch.testing.assert_close(single, triple)


def test_the_decimal_map_adds_its_weighted_loss_once(heatmap_loss) -> None:
    outputs = {"heatmap": noise(2, 4, 3, 8, 8), "decimal": noise(2, 3, 4, 4)}
    without, _ = objective({"heatmap": outputs["heatmap"]}, MAPS, torch.ones(2, 3), heatmap_loss, 0.05)
    total, _ = objective(outputs, MAPS, torch.ones(2, 3), heatmap_loss, 0.05)
    expected = without + 0.05 * coordinate_soft_classification(outputs["decimal"], MAPS["decimal"]).sum()
    torch.testing.assert_close(expected, total)


def test_a_landmark_of_weight_0_has_no_gradient_anywhere(heatmap_loss) -> None:
    outputs = {"heatmap": noise(2, 4, 3, 8, 8).requires_grad_(), "decimal": noise(2, 3, 4, 4).requires_grad_()}
    weight = torch.ones(2, 3)
    weight[0, 1] = 0.0
    objective(outputs, MAPS, weight, heatmap_loss, 0.05)[0].backward()
    heatmap, decimal = outputs["heatmap"].grad, outputs["decimal"].grad
    assert 0.0 == heatmap[0, :, 1].abs().max() == decimal[0, 1].abs().max()
    assert 0.0 < heatmap[0, :, 0].abs().amax((-2, -1)).min()
    assert 0.0 < decimal[0, 0].abs().max()


def test_sums_of_parts_are_the_sums_of_the_whole(heatmap_loss) -> None:
    # So the loss does not depend on how many workers share a batch.
    outputs, weight = {"heatmap": noise(2, 4, 3, 8, 8)}, noise(2, 3, seed=5)
    whole = objective(outputs, MAPS, weight, heatmap_loss, 0.05)
    parts = [
        objective(
            {"heatmap": outputs["heatmap"][n : n + 1]},
            {name: value[n : n + 1] for name, value in MAPS.items()},
            weight[n : n + 1],
            heatmap_loss,
            0.05,
        )
        for n in range(2)
    ]
    torch.testing.assert_close(whole[0], parts[0][0] + parts[1][0])
    torch.testing.assert_close(whole[1], parts[0][1] + parts[1][1])
