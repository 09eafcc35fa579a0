"""What is minimised."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from components.configuration import meanings
from components.heads import HEADS
from components.heads.base import Sizes, offset_smooth_l1
from components.losses import DECIMAL_LOSSES, HEATMAP_LOSSES
from components.losses.objective import Objective
from components.losses.siamese import siamese_consistency

FLIP = torch.tensor([1, 0, 2])
SIGMA = 1.5


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=sorted(HEATMAP_LOSSES))
def objective(request: pytest.FixtureRequest) -> Objective:
    weights = {"heatmap_weight": 1, "decimal_weight": 0.05, "siamese_weight": 0}
    return Objective(heatmap=request.param, decimal="csc", num_views=2, visibility=False, **weights)


MAPS = {"heatmap": noise(2, 3, 8, 8, seed=1), "decimal": noise(2, 3, 4, 4, seed=2)}


def batch(weight: torch.Tensor | None = None, faces: int = 2) -> dict[str, torch.Tensor]:
    return {
        "weight": torch.ones(faces, 3) if weight is None else weight,
        "cells": (noise(faces, 3, 2, seed=3) * 7).floor(),
        "parts": noise(faces, 3, 2, seed=4),
        "flipped": torch.tensor([False, True]).repeat(faces // 2),
        "back": torch.tensor([[1.0, 0, 0.1], [0, 1, 0]]).repeat(faces, 1, 1),
    }


HEAD_OF = {"decimal": "conv", "offset": "afc", "offset_map": "od"}


def sums(objective: Objective, outputs: dict, batch: dict, maps: dict = MAPS) -> tuple[torch.Tensor, torch.Tensor]:
    """With the head that says what is in the outputs beside the heatmap."""
    sizes = Sizes(features=8, hidden=8, num_landmarks=3, side=8, decimal=4)
    heads = [HEADS[HEAD_OF[name]](sizes) for name in outputs if name != "heatmap"]
    return objective.sums(outputs, maps, batch, SIGMA, FLIP, heads[0] if heads else None)


def test_stacks_count_alike_and_landmarks_by_their_weight(objective: Objective) -> None:
    given = batch(torch.tensor([[1.0, 0.0, 1.0], [0.5, 1.0, 0.0]]))
    outputs, loss = {"heatmap": noise(2, 4, 3, 8, 8)}, HEATMAP_LOSSES[objective.heatmap].loss
    total, weights = sums(replace(objective, heatmap_weight=2), outputs, given)
    expected = 0.0
    for n in range(2):  # independent: face by face, landmark by landmark, stack by stack
        for k in range(3):
            part = (slice(n, n + 1), slice(k, k + 1))
            for s in range(4):
                one = loss(outputs["heatmap"][:, s][part], MAPS["heatmap"][part], given["cells"][part])
                expected += 2 * given["weight"][n, k].item() * one.item() / 4
    assert expected == pytest.approx(total.item(), rel=1e-5)
    assert 3.5 == weights.item()


def test_equal_stacks_cost_as_one(objective: Objective) -> None:
    one = noise(2, 1, 3, 8, 8)
    single, _ = sums(objective, {"heatmap": one}, batch())
    triple, _ = sums(objective, {"heatmap": one.expand(2, 3, 3, 8, 8)}, batch())
    torch.testing.assert_close(single, triple)


@pytest.mark.parametrize("decimal", sorted(DECIMAL_LOSSES))
def test_the_decimal_map_adds_its_weighted_loss_once(objective: Objective, decimal: str) -> None:
    outputs = {"heatmap": noise(2, 4, 3, 8, 8), "decimal": noise(2, 3, 4, 4)}
    chosen = replace(objective, decimal=decimal)
    without, _ = sums(chosen, {"heatmap": outputs["heatmap"]}, batch())
    total, _ = sums(chosen, outputs, batch())
    expected = without + 0.05 * DECIMAL_LOSSES[decimal](outputs["decimal"], MAPS["decimal"]).sum()
    torch.testing.assert_close(expected, total)


@pytest.mark.parametrize("head", ["offset", "offset_map"])
def test_an_offset_adds_its_distance_to_the_part(objective: Objective, head: str) -> None:
    outputs, given = {"heatmap": noise(2, 1, 3, 8, 8)}, batch()
    said = noise(2, 3, 2, seed=9)
    if head == "offset_map":
        value = torch.zeros(2, 2, 8, 8)
        for n in range(2):
            for k in range(3):
                x, y = given["cells"][n, k].int().tolist()
                value[n, :, y, x] = said[n, k]
    else:
        value = said
    without, _ = sums(objective, outputs, given)
    total, _ = sums(objective, {**outputs, head: value}, given)
    torch.testing.assert_close(without + 0.05 * offset_smooth_l1(said, given["parts"]).sum(), total)


@pytest.mark.parametrize("siamese_weight", [0.0, 1.0])
def test_a_landmark_of_weight_0_has_no_gradient_anywhere(objective: Objective, siamese_weight: float) -> None:
    outputs = {
        "heatmap": noise(2, 4, 3, 8, 8).requires_grad_(),
        "decimal": noise(2, 3, 4, 4).requires_grad_(),
    }
    weight = torch.ones(2, 3)
    weight[0, 1] = 0.0
    sums(replace(objective, siamese_weight=siamese_weight), outputs, batch(weight))[0].backward()
    heatmap, decimal = outputs["heatmap"].grad, outputs["decimal"].grad
    assert 0.0 == heatmap[0, :, 1].abs().max() == decimal[0, 1].abs().max()
    assert 0.0 < heatmap[0, :, 0].abs().amax((-2, -1)).min()
    assert 0.0 < decimal[0, 0].abs().max()


def test_an_offset_of_weight_0_has_no_gradient(objective: Objective) -> None:
    outputs = {"heatmap": noise(2, 1, 3, 8, 8), "offset": noise(2, 3, 2).requires_grad_()}
    weight = torch.ones(2, 3)
    weight[0, 1] = 0.0
    sums(objective, outputs, batch(weight))[0].backward()
    assert 0.0 == outputs["offset"].grad[0, 1].abs().max()
    assert 0.0 < outputs["offset"].grad[1].abs().min()


def test_sums_of_parts_are_the_sums_of_the_whole(objective: Objective) -> None:
    # So the loss does not depend on how many workers share a batch.
    chosen = replace(objective, siamese_weight=0.5)
    outputs, given = {"heatmap": noise(4, 2, 3, 8, 8)}, batch(noise(4, 3, seed=5), faces=4)
    maps = {"heatmap": noise(4, 3, 8, 8, seed=1)}
    whole = sums(chosen, outputs, given, maps)
    parts = [
        sums(chosen, *({name: value[n : n + 2] for name, value in each.items()} for each in (outputs, given, maps)))
        for n in (0, 2)
    ]
    torch.testing.assert_close(whole[0], parts[0][0] + parts[1][0])
    torch.testing.assert_close(whole[1], parts[0][1] + parts[1][1])


def test_two_views_add_their_consistency_once_a_face_for_landmarks_that_both_know(objective: Objective) -> None:
    # Row 1 is mirrored: its channel 0 is the face's landmark 1.
    given = batch(torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    outputs = {"heatmap": noise(2, 4, 3, 8, 8)}
    without, weight = sums(objective, outputs, given)
    total, same_weight = sums(replace(objective, siamese_weight=3.0), outputs, given)
    chosen = HEATMAP_LOSSES[objective.heatmap]
    expected = 0.0
    for s in range(4):
        read = chosen.read(outputs["heatmap"][:, s], SIGMA)
        each = siamese_consistency(read, given["back"], given["flipped"], FLIP, chosen.between)
        expected += (each[0, 0] + each[0, 2]).item() / 4
    assert without.item() + 3.0 * expected == pytest.approx(total.item(), rel=1e-5)
    assert weight == same_weight


def test_one_view_is_enough_without_the_consistency_and_too_few_with_it(objective: Objective) -> None:
    alone = replace(objective, num_views=1)
    with pytest.raises(ValueError, match=r"^siamese_weight is 0.1, which takes num_views 2$"):
        replace(alone, siamese_weight=0.1)
    with pytest.raises(ValueError, match=r"^num_views is 3: expected 1, or 2$"):
        replace(objective, num_views=3)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (1.0, 1.0)])
def test_the_consistency_sets_in_over_the_first_half(objective: Objective, progress: float, share: float) -> None:
    outputs, given = {"heatmap": noise(2, 1, 3, 8, 8)}, batch()
    without, _ = sums(objective, outputs, given)
    chosen = replace(objective, siamese_weight=2.0)
    whole, _ = sums(chosen, outputs, given)
    now, _ = chosen.sums(outputs, MAPS, given, SIGMA, FLIP, None, progress)
    torch.testing.assert_close(without + share * (whole - without), now)


def test_with_supervision_off_only_the_consistency_is_left(objective: Objective) -> None:
    outputs, given = {"heatmap": noise(2, 1, 3, 8, 8)}, batch()
    silent = replace(objective, heatmap_weight=0, decimal_weight=0, siamese_weight=1)
    named = HEATMAP_LOSSES[objective.heatmap]
    read = named.read(outputs["heatmap"][:, 0], SIGMA)
    expected = siamese_consistency(read, given["back"], given["flipped"], FLIP, named.between)
    torch.testing.assert_close(expected.sum(), sums(silent, outputs, given)[0])


@pytest.mark.parametrize("name", ["heatmap_weight", "decimal_weight", "siamese_weight"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_weight_below_0_or_not_finite_is_refused(objective: Objective, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {value}: expected at least 0$"):
        replace(objective, **{name: value})


def test_an_unknown_loss_is_refused_with_the_known(objective: Objective) -> None:
    with pytest.raises(
        ValueError, match=r"^unknown heatmap loss 'l3'; known: adaptive_wing, cross_entropy, mse, star$"
    ):
        replace(objective, heatmap="l3")
    with pytest.raises(ValueError, match=r"^unknown decimal loss 'l3'; known: csc, mse$"):
        replace(objective, decimal="l3")


def test_every_field_has_its_meaning() -> None:
    assert "" not in meanings(Objective).values()
