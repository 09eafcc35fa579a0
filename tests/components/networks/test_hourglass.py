"""HIH's network with its head: the published sizes and costs, its layers, stacks and initialisation."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from components.codecs import Hih
from components.model import LandmarkModel, ModelConfig
from components.networks import Hourglass
from components.schemes import Scheme


def whole(network: Hourglass, num_landmarks: int, crop: int, head: str = "conv", decimal: int = 8) -> LandmarkModel:
    """The network with its head; takes pixels as they are, not standardised."""
    names = tuple(f"landmark_{k}" for k in range(num_landmarks))
    scheme = Scheme("any", names, tuple(range(num_landmarks)), (0, 1), ((0,), (1,)), ())
    codec = Hih(crop=crop, stride=4, sigma=1.5, decimal=decimal, decimal_head=head)
    model = LandmarkModel(ModelConfig(scheme, codec, network, "mse", 1.3, "landmarks"))
    model.mean.zero_()
    model.std.fill_(1.0)
    return model


def published(stacks: int, num_landmarks: int = 98, released_skips: bool = False) -> LandmarkModel:
    """HIH_T, HIH_S or HIH_B; nothing is allocated."""
    with torch.device("meta"):
        config = Hourglass(stacks=stacks, depth=4, features=256, released_skips=released_skips)
        return whole(config, num_landmarks, crop=256).eval()


def count(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


@pytest.mark.parametrize(
    ("stacks", "used", "allocated"),
    # The released code's networks, counted: HIH_T, HIH_S and HIH_B, the last published as 22.68 M. The difference is
    # the skip layers that it allocates and never calls.
    [(1, 9.424, 10.366), (2, 12.603, 14.469), (4, 18.962, 22.677)],
)
def test_parameters_count_as_published(stacks: int, used: float, allocated: float) -> None:
    assert used == round(count(published(stacks)) / 1e6, 3)
    assert allocated == round(count(published(stacks, released_skips=True)) / 1e6, 3)


@pytest.mark.parametrize("num_landmarks", [68, 29, 19])
@pytest.mark.parametrize(
    ("stacks", "used", "allocated"), [(1, 9.424, 10.366), (2, 12.603, 14.469), (4, 18.962, 22.677)]
)
def test_a_landmark_less_takes_away_its_own_channels_only(
    stacks: int, used: float, allocated: float, num_landmarks: int
) -> None:
    # By hand, from the published 98: a landmark has 256 weights and a bias in each stack's heatmaps, 256 weights where
    # they join the next stack, and 384 weights and a bias in the decimal head. The published counts are in thousands.
    fewer = (98 - num_landmarks) * (stacks * (256 + 1 + 256) + 384 + 1) / 1e6
    assert used - fewer == pytest.approx(count(published(stacks, num_landmarks)) / 1e6, abs=0.0005)
    spare = published(stacks, num_landmarks, released_skips=True)
    assert allocated - fewer == pytest.approx(count(spare) / 1e6, abs=0.0005)


def conv_bn(inputs: int, outputs: int, kernel: int = 1) -> int:
    """A convolution without bias, and batch norm's scale and shift."""
    return kernel**2 * inputs * outputs + 2 * outputs


def residual(inputs: int, outputs: int) -> int:
    skip = conv_bn(inputs, outputs) if inputs != outputs else 0
    return (
        conv_bn(inputs, outputs // 2) + conv_bn(outputs // 2, outputs // 2, 3) + conv_bn(outputs // 2, outputs) + skip
    )


@pytest.mark.parametrize("num_landmarks", [98, 68, 29, 19])
@pytest.mark.parametrize("stacks", [1, 2, 4])
def test_parameters_are_counted_by_hand_to_the_last_one(stacks: int, num_landmarks: int) -> None:
    stem = conv_bn(3, 64, 7) + residual(64, 128) + residual(128, 128) + residual(128, 256)
    # Three residuals on each of four levels and one in the middle, one after; heatmaps; two ways into the next stack.
    heatmap = 256 * num_landmarks + num_landmarks
    stack = 14 * residual(256, 256) + conv_bn(256, 256) + heatmap + conv_bn(256, 256) + conv_bn(num_landmarks, 256)
    down = 2 * conv_bn(384, 384, 3) + conv_bn(384, 384)
    head = conv_bn(256, 384) + 2 * down + conv_bn(384, 384) + 384 * num_landmarks + num_landmarks
    assert stem + stacks * stack + head == count(published(stacks, num_landmarks))


@pytest.mark.parametrize(("stacks", "billions"), [(1, 6.99), (2, 10.38), (4, 17.15)])
def test_a_face_takes_the_published_multiply_adds(stacks: int, billions: float) -> None:
    # HIH's paper (v2), table of sizes. It counts a percent more than convolutions: batch norm, perhaps.
    network = published(stacks)
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        network(torch.zeros(1, 3, 256, 256))
    assert billions == pytest.approx(counter.get_total_flops() / 2 / 1e9, rel=0.02)


class Restated:
    """HIH's network in the words of the paper and the released code, with the weights of a network of ours."""

    def __init__(self, network: LandmarkModel, stacks: int, depth: int, downs: int) -> None:
        self.weights = network.weights()
        self.stacks, self.depth, self.downs = stacks, depth, downs

    def cbr(self, name: str, x: torch.Tensor, stride: int = 1, relu: bool = True) -> torch.Tensor:
        weight = self.weights[f"{name}.0.weight"]
        x = functional.conv2d(x, weight, stride=stride, padding=(weight.shape[-1] - 1) // 2)
        scale, shift, mean, variance = (
            self.weights[f"{name}.1.{part}"][:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        x = (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift
        return torch.clamp(x, min=0) if relu else x

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def residual(self, name: str, x: torch.Tensor) -> torch.Tensor:
        skip = self.cbr(f"{name}.skip", x, relu=False) if f"{name}.skip.0.weight" in self.weights else x
        out = self.cbr(f"{name}.body.1", self.cbr(f"{name}.body.0", x))
        return torch.clamp(self.cbr(f"{name}.body.2", out, relu=False) + skip, min=0)

    def hourglass(self, name: str, x: torch.Tensor, level: int) -> torch.Tensor:
        upper = self.residual(f"{name}.upper", x)
        low = self.residual(f"{name}.into", functional.max_pool2d(x, 2, 2))
        inner = f"{name}.inner"
        low = self.hourglass(inner, low, level - 1) if level > 1 else self.residual(inner, low)
        low = self.residual(f"{name}.out", low)
        return upper + functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)

    def down_block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        out = self.cbr(f"{name}.body.1", self.cbr(f"{name}.body.0", x, stride=2), relu=False)
        return torch.clamp(out + self.cbr(f"{name}.skip", x, stride=2, relu=False), min=0)

    def head(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(self.cbr("decimal.0", x), 3, 2)
        for down in range(self.downs):
            x = self.down_block(f"decimal.{2 + down}", x)
        return self.conv(f"decimal.{4 + self.downs}", self.cbr(f"decimal.{2 + self.downs}", x))

    def __call__(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = functional.max_pool2d(self.residual("stem.1", self.cbr("stem.0", x, stride=2)), 2, 2)
        x = self.residual("stem.4", self.residual("stem.3", x))
        predictions = []
        for stack in range(self.stacks):
            name = f"stacks.{stack}"
            feature = self.residual(f"{name}.body.1", self.hourglass(f"{name}.body.0", x, self.depth))
            feature = self.cbr(f"{name}.body.2", feature)
            predictions.append(self.conv(f"{name}.heatmap", feature))
            merged = self.cbr(f"{name}.merge_features", feature) + self.cbr(f"{name}.merge_heatmap", predictions[-1])
            x = x + merged
        return {"heatmap": torch.stack(predictions, 1), "decimal": self.head(x)}


@pytest.mark.parametrize(
    ("stacks", "features", "num_landmarks"),
    # Full depth at full size; the last is HIH_T itself.
    [(1, 16, 5), (2, 16, 5), (1, 256, 98)],
)
def test_the_forward_pass_is_the_papers_restated_from_it(drawn, stacks: int, features: int, num_landmarks: int) -> None:
    config = Hourglass(stacks=stacks, depth=4, features=features, decimal_features=features * 3 // 2)
    network = drawn(whole(config, num_landmarks, crop=256))
    pixels = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        # 64 -> 31 -> 16 -> 8: two blocks.
        expected, actual = Restated(network, stacks, depth=4, downs=2)(pixels), network(pixels)
    assert set(expected) == set(actual)
    for key, value in expected.items():
        torch.testing.assert_close(value, actual[key], rtol=0, atol=1e-5 * value.abs().max().item())


def test_the_released_skips_change_nothing_but_the_count() -> None:
    config = {"stacks": 1, "depth": 2, "features": 8, "decimal_features": 8}
    plain = whole(Hourglass(**config), num_landmarks=2, crop=64, decimal=4).eval()
    spare = whole(Hourglass(**config, released_skips=True), num_landmarks=2, crop=64, decimal=4).eval()
    missing = spare.load_state_dict(plain.state_dict(), strict=False)
    assert [] == missing.unexpected_keys
    assert 0 < len(missing.missing_keys)
    assert all(".spare." in key for key in missing.missing_keys)
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for key, value in plain(pixels).items():
        torch.testing.assert_close(value, spare(pixels)[key])


def test_the_published_size_gives_64_cells_and_8_bins() -> None:
    with torch.device("meta"):
        outputs = published(stacks=4)(torch.zeros(1, 3, 256, 256))
    assert (1, 4, 98, 64, 64) == outputs["heatmap"].shape
    assert (1, 98, 8, 8) == outputs["decimal"].shape


@pytest.mark.parametrize("kind", ["afc", "conv", "od", "transformer"])
def test_convolutions_start_at_a_deviation_of_a_thousandth_as_released(kind: str) -> None:
    torch.manual_seed(0)
    network = whole(Hourglass(stacks=1, depth=2, features=32), 3, crop=64, head=kind, decimal=4)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    weights = torch.cat([module.weight.flatten() for module in convolutions])
    assert 0.001 == pytest.approx(weights.std().item(), rel=0.02)


def test_a_stack_sees_the_heatmaps_of_the_one_before(drawn) -> None:
    network = drawn(Hourglass(stacks=2, depth=1, features=8).build(num_landmarks=2, crop=32, with_feature=False))
    pixels = torch.randn(1, 3, 32, 32)
    before = network(pixels)["heatmap"]
    with torch.no_grad():
        network.stacks[0].heatmap.bias.add_(1.0)
    after = network(pixels)["heatmap"]
    torch.testing.assert_close(before[:, 0] + 1, after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])


@pytest.mark.parametrize("kind", ["afc", "conv", "od", "transformer"])
def test_the_head_sees_the_last_heatmaps(drawn, kind: str) -> None:
    # As released: it branches off after the last fusion.
    config = Hourglass(stacks=1, depth=2, features=8, decimal_features=8)
    network, pixels = drawn(whole(config, 2, crop=64, head=kind, decimal=4)), torch.randn(1, 3, 64, 64)
    before = network(pixels)
    with torch.no_grad():
        network.network.stacks[0].heatmap.bias.add_(1.0)
    after = network(pixels)
    assert ["heatmap"] != list(before)
    assert not any(torch.equal(value, after[key]) for key, value in before.items())


def test_a_crop_that_does_not_divide_is_refused_with_the_multiple() -> None:
    # By hand: stride 4, four halvings: 64.
    with pytest.raises(
        ValueError, match="^" + re.escape("hourglass of depth 4 takes crops of a multiple of 64 px, got 96") + "$"
    ):
        Hourglass(stacks=1, depth=4, features=8).build(num_landmarks=2, crop=96, with_feature=False)
