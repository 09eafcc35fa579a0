"""HIH's network: the published sizes, stacks and initialisation."""

from __future__ import annotations

import re

import pytest
import torch

from components.networks import Hourglass


def millions(stacks: int, released_skips: bool) -> float:
    """Parameters of the published size, 98 landmarks; nothing is allocated."""
    with torch.device("meta"):
        config = Hourglass(stacks=stacks, depth=4, features=256, released_skips=released_skips)
        network = config.build(num_landmarks=98, crop=256, decimal=8)
    return round(sum(value.numel() for value in network.parameters()) / 1e6, 3)


@pytest.mark.parametrize(
    ("stacks", "used", "allocated"),
    # The released code's networks, counted: HIH_T, HIH_S and HIH_B, the last published as 22.68 M. The difference is
    # the skip layers that it allocates and never calls.
    [(1, 9.424, 10.366), (2, 12.603, 14.469), (4, 18.962, 22.677)],
)
def test_parameters_count_as_published(stacks: int, used: float, allocated: float) -> None:
    assert used == millions(stacks, released_skips=False)
    assert allocated == millions(stacks, released_skips=True)


def test_the_released_skips_change_nothing_but_the_count() -> None:
    config = {"stacks": 1, "depth": 2, "features": 8, "decimal_features": 8}
    plain = Hourglass(**config).build(num_landmarks=2, crop=64, decimal=4).eval()
    spare = Hourglass(**config, released_skips=True).build(num_landmarks=2, crop=64, decimal=4).eval()
    missing = spare.load_state_dict(plain.state_dict(), strict=False)
    assert [] == missing.unexpected_keys
    assert 0 < len(missing.missing_keys)
    assert all(".spare." in key for key in missing.missing_keys)
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for key, value in plain(pixels).items():
        torch.testing.assert_close(value, spare(pixels)[key])


def test_the_published_size_gives_64_cells_and_8_bins() -> None:
    with torch.device("meta"):
        network = Hourglass(stacks=4, depth=4, features=256).build(num_landmarks=98, crop=256, decimal=8)
        outputs = network(torch.zeros(1, 3, 256, 256))
    assert (1, 4, 98, 64, 64) == outputs["heatmap"].shape
    assert (1, 98, 8, 8) == outputs["decimal"].shape


def test_convolutions_start_at_a_deviation_of_a_thousandth_as_released() -> None:
    torch.manual_seed(0)
    network = Hourglass(stacks=1, depth=2, features=32).build(num_landmarks=3, crop=64, decimal=4)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    weights = torch.cat([module.weight.flatten() for module in convolutions])
    assert 0.001 == pytest.approx(weights.std().item(), rel=0.02)


def test_a_stack_sees_the_heatmaps_of_the_one_before() -> None:
    torch.manual_seed(0)
    network = Hourglass(stacks=2, depth=1, features=8).build(num_landmarks=2, crop=32, decimal=None).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    pixels = torch.randn(1, 3, 32, 32)
    before = network(pixels)["heatmap"]
    with torch.no_grad():
        network.stacks[0].heatmap.bias.add_(1.0)
    after = network(pixels)["heatmap"]
    torch.testing.assert_close(before[:, 0] + 1, after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_a_crop_that_does_not_divide_is_refused_with_the_multiple() -> None:
    # By hand: stride 4, four halvings: 64.
    with pytest.raises(
        ValueError, match="^" + re.escape("hourglass of depth 4 takes crops of a multiple of 64 px, got 96") + "$"
    ):
        Hourglass(stacks=1, depth=4, features=8).build(num_landmarks=2, crop=96, decimal=None)
