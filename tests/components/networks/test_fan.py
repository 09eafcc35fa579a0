"""FAN: the published size, its layers and what joins its modules."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional

from components.networks import Fan


def bn_conv(inputs: int, outputs: int, kernel: int) -> int:
    """Batch norm's scale and shift, and a convolution without bias."""
    return 2 * inputs + kernel**2 * inputs * outputs


def conv(inputs: int, outputs: int, kernel: int = 1) -> int:
    """With bias."""
    return kernel**2 * inputs * outputs + outputs


def block(inputs: int, outputs: int) -> int:
    """3x3 to a half, a quarter and a quarter of the channels; 1x1 for the skip where channels change."""
    half, quarter = outputs // 2, outputs // 4
    skip = bn_conv(inputs, outputs, 1) if inputs != outputs else 0
    return bn_conv(inputs, half, 3) + bn_conv(half, quarter, 3) + bn_conv(quarter, quarter, 3) + skip


@pytest.mark.parametrize(("modules", "millions"), [(1, 6.250), (2, 12.107), (4, 23.820)])
@pytest.mark.parametrize("num_landmarks", [98, 68, 29, 19])
def test_parameters_are_counted_by_hand(modules: int, millions: float, num_landmarks: int) -> None:
    with torch.device("meta"):
        network = Fan(modules=modules).build(num_landmarks, crop=256, with_feature=False)
    stem = conv(3, 64, 7) + 2 * 64 + block(64, 128) + block(128, 128) + block(128, 256)
    # Three blocks on each of four levels and one in the middle, one after; 1x1 and batch norm; heatmaps.
    module = 14 * block(256, 256) + conv(256, 256) + 2 * 256 + conv(256, num_landmarks)
    between = conv(256, 256) + conv(num_landmarks, 256)
    expected = stem + modules * module + (modules - 1) * between
    assert expected == sum(value.numel() for value in network.parameters())
    if num_landmarks == 68:
        # The sums above, of the layers in the authors' public code; FAN of four modules passes for 24 M.
        assert millions == round(expected / 1e6, 3)


class Restated:
    """FAN in the words of its authors' public code, with the weights of a network of ours."""

    def __init__(self, network: torch.nn.Module, modules: int, depth: int) -> None:
        self.weights = network.state_dict()
        self.modules, self.depth = modules, depth

    def bn_relu(self, name: str, x: torch.Tensor) -> torch.Tensor:
        scale, shift, mean, variance = (
            self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return torch.clamp((x - mean) / torch.sqrt(variance + 1e-5) * scale + shift, min=0)

    def conv(self, name: str, x: torch.Tensor, bias: bool = True, **options: int) -> torch.Tensor:
        return functional.conv2d(
            x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"] if bias else None, **options
        )

    def layer(self, name: str, x: torch.Tensor, padding: int) -> torch.Tensor:
        assert f"{name}.2.bias" not in self.weights
        return self.conv(f"{name}.2", self.bn_relu(f"{name}.0", x), bias=False, padding=padding)

    def block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        out1 = self.layer(f"{name}.first", x, padding=1)
        out2 = self.layer(f"{name}.second", out1, padding=1)
        out3 = self.layer(f"{name}.third", out2, padding=1)
        skip = self.layer(f"{name}.skip", x, padding=0) if f"{name}.skip.2.weight" in self.weights else x
        return torch.cat([out1, out2, out3], 1) + skip

    def hourglass(self, name: str, x: torch.Tensor, level: int) -> torch.Tensor:
        low = self.block(f"{name}.into", functional.avg_pool2d(x, 2, 2))
        inner = f"{name}.inner"
        low = self.hourglass(inner, low, level - 1) if level > 1 else self.block(inner, low)
        low = self.block(f"{name}.out", low)
        return self.block(f"{name}.upper", x) + low.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn_relu("stem.1", self.conv("stem.0", x, stride=2, padding=3))
        x = functional.avg_pool2d(self.block("stem.3", x), 2, 2)
        previous = self.block("stem.6", self.block("stem.5", x))
        outputs = []
        for module in range(self.modules):
            name = f"stacks.{module}"
            ll = self.block(f"{name}.body.1", self.hourglass(f"{name}.body.0", previous, self.depth))
            ll = self.bn_relu(f"{name}.body.3", self.conv(f"{name}.body.2", ll))
            outputs.append(self.conv(f"{name}.heatmap", ll))
            if module < self.modules - 1:
                previous = previous + self.conv(f"{name}.merge_features", ll)
                previous = previous + self.conv(f"{name}.merge_heatmap", outputs[-1])
        return torch.stack(outputs, 1)


@pytest.mark.parametrize(
    ("modules", "features", "num_landmarks"),
    # Full depth at full size; the last is the published FAN of one module.
    [(1, 16, 5), (2, 16, 5), (4, 16, 5), (1, 256, 68)],
)
def test_the_forward_pass_is_the_authors_restated_from_their_code(
    drawn, modules: int, features: int, num_landmarks: int
) -> None:
    network = drawn(Fan(modules=modules, features=features).build(num_landmarks, crop=256, with_feature=False))
    pixels = torch.randn(1, 3, 256, 256)
    with torch.no_grad():
        expected, actual = Restated(network, modules, depth=4)(pixels), network(pixels)["heatmap"]
    torch.testing.assert_close(expected, actual, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_the_head_reads_what_the_last_heatmaps_are_made_from(drawn, joined) -> None:
    config = Fan(modules=2, features=8, depth=2, decimal_features=8)
    network, pixels = drawn(joined(config, "od")), torch.randn(1, 3, 64, 64)
    seen = []
    network.network.stacks[1].heatmap.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    outputs = network(pixels)
    torch.testing.assert_close(network.head(seen[0]), outputs["offset_map"])


def test_the_head_is_all_that_a_codec_adds(joined) -> None:
    config = Fan(modules=2, features=8, depth=2, decimal_features=8)
    plain, headed = joined(config, None).weights(), joined(config, "conv").weights()
    assert [] == [name for name in plain if name not in headed]
    assert all(name.startswith("decimal.") for name in headed if name not in plain)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_the_smallest_crop_leaves_one_cell_in_the_middle(depth: int) -> None:
    # By hand: stride 4, then `depth` halvings of the map.
    crop = 4 * 2**depth
    network = Fan(modules=1, features=8, depth=depth).build(num_landmarks=2, crop=crop, with_feature=False).eval()
    middles = []
    middle = next(module for name, module in network.named_modules() if name.endswith("inner" + ".inner" * (depth - 1)))
    middle.register_forward_hook(lambda module, inputs, output: middles.append(output.shape))
    assert (1, 1, 2, crop // 4, crop // 4) == network(torch.zeros(1, 3, crop, crop))["heatmap"].shape
    assert [(1, 8, 1, 1)] == middles


@pytest.mark.parametrize("crop", [96, 32, 0])
def test_a_crop_that_does_not_divide_is_refused_with_the_multiple(crop: int) -> None:
    # By hand: stride 4, four halvings: 64.
    with pytest.raises(
        ValueError, match="^" + re.escape(f"fan of depth 4 takes crops of a multiple of 64 px, got {crop}") + "$"
    ):
        Fan(modules=1, features=8).build(num_landmarks=2, crop=crop, with_feature=False)


@pytest.mark.parametrize(
    ("modules", "depth", "features"), [(0, 4, 256), (1, 0, 256), (1, 4, 0), (1, 4, 12), (1, 4, -8)]
)
def test_a_fan_of_nothing_or_of_channels_that_cannot_be_quartered_is_refused(
    modules: int, depth: int, features: int
) -> None:
    with pytest.raises(ValueError, match=f"features of a multiple of 8, got {modules}, {depth} and {features}$"):
        Fan(modules=modules, depth=depth, features=features)
