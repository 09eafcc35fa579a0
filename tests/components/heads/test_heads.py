"""The heads: the released layers, what they refuse, how the transformer starts; their losses and readings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from components.heads import HEADS
from components.heads.base import Sizes
from components.losses import coordinate_soft_classification
from components.networks import UNet


def conv_bn(inputs: int, outputs: int, kernel: int = 1) -> int:
    """A convolution without bias, and batch norm's scale and shift."""
    return kernel**2 * inputs * outputs + 2 * outputs


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


# By hand, from the released code's `get_hourglass.py`: 98 landmarks, 256 features of 64 cells, 384 channels inside, 8
# bins. Ours are the one 3x3 of the trunk, and the transformer's width of 256 and 4 blocks.
TRUNK = 2 * conv_bn(256, 384) + conv_bn(384, 384, 3) + conv_bn(384, 384)
DOWN = 2 * conv_bn(384, 384, 3) + conv_bn(384, 384)
ATTENTION = linear(256, 3 * 256) + linear(256, 256)
BLOCK = ATTENTION + linear(256, 2 * 256) + linear(2 * 256, 256) + 2 * 2 * 256
COUNTS = {
    "afc": TRUNK + conv_bn(384, 384) + conv_bn(384, 384, 3) + conv_bn(384, 768) + linear(768, 2 * 98),
    "conv": conv_bn(256, 384) + 2 * DOWN + conv_bn(384, 384) + linear(384, 98),
    "od": TRUNK + conv_bn(384, 384) + linear(384, 2),
    "transformer": linear(256 * 8 * 8, 256) + 64 * 256 + 4 * BLOCK + 2 * 256 + conv_bn(256, 256) + linear(256, 98),
}


def made(kind: str, features: int = 8, side: int = 16, decimal: int = 4) -> torch.nn.Module:
    return HEADS[kind](Sizes(features=features, hidden=12, num_landmarks=3, side=side, decimal=decimal))


def test_the_heads_are_sorted() -> None:
    assert sorted(HEADS) == list(HEADS)


@pytest.mark.parametrize("kind", HEADS)
def test_parameters_at_the_published_size_are_counted_by_hand(kind: str) -> None:
    with torch.device("meta"):
        head = HEADS[kind](Sizes(features=256, hidden=384, num_landmarks=98, side=64, decimal=8))
    assert COUNTS[kind] == sum(value.numel() for value in head.parameters())


class Restated:
    """Heads in the words of the released code, with the weights of one of ours."""

    def __init__(self, head: torch.nn.Module) -> None:
        self.weights = head.state_dict()

    def cbr(self, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        weight = self.weights[f"{name}.0.weight"]
        x = functional.conv2d(x, weight, stride=stride, padding=(weight.shape[-1] - 1) // 2)
        scale, shift, mean, variance = (
            self.weights[f"{name}.1.{part}"][:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return torch.clamp((x - mean) / torch.sqrt(variance + 1e-5) * scale + shift, min=0)

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        x = (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-6)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        merged = self.cbr("0.body.2", self.cbr("0.body.1", self.cbr("0.body.0", x)))
        return merged + self.cbr("0.skip", x)

    def afc(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(self.cbr("1", self.trunk(x)), 3, 2)
        x = self.cbr("4", self.cbr("3", x, stride=2)).mean((2, 3))
        # Landmark by landmark, x before y.
        return self.linear("7", x).reshape(len(x), -1, 2)

    def od(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv("2", self.cbr("1", self.trunk(x)))

    def attention(self, name: str, x: torch.Tensor) -> torch.Tensor:
        qkv = x @ self.weights[f"{name}.in_proj_weight"].T + self.weights[f"{name}.in_proj_bias"]
        heads = []
        # Eight heads of 256 / 8 channels.
        for q, k, v in zip(*(part.split(32, -1) for part in qkv.split(256, -1)), strict=True):
            heads.append(torch.softmax(q @ k.transpose(1, 2) / 32**0.5, -1) @ v)
        return self.linear(f"{name}.out_proj", torch.cat(heads, -1))

    def transformer(self, x: torch.Tensor) -> torch.Tensor:
        bins, rows = 4, []
        patch = x.shape[-1] // bins
        for i in range(bins):
            for j in range(bins):
                cut = x[:, :, i * patch : (i + 1) * patch, j * patch : (j + 1) * patch]
                rows.append(self.linear("embed", cut.flatten(1)))
        tokens = torch.stack(rows, 1) + self.weights["position"]
        for block in (f"blocks.{index}" for index in range(4)):
            tokens = tokens + self.attention(f"{block}.self_attn", self.norm(f"{block}.norm1", tokens))
            hidden = functional.gelu(self.linear(f"{block}.linear1", self.norm(f"{block}.norm2", tokens)))
            tokens = tokens + self.linear(f"{block}.linear2", hidden)
        tokens = self.norm("norm", tokens)
        maps = tokens.transpose(1, 2).reshape(len(x), 256, bins, bins)
        return self.conv("map.1", self.cbr("map.0", maps))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["afc", "od", "transformer"])
def test_the_forward_pass_is_the_released_restated_from_it(drawn, kind: str, training: bool) -> None:
    # "conv" is restated with the whole of HIH's network. In training the gradient is on: PyTorch has another, fused way
    # through a transformer's block without it.
    head = drawn(made(kind))
    if kind == "transformer":
        for name, value in head.named_parameters():
            if name.startswith(("position", "blocks", "norm")):
                torch.nn.init.normal_(value, mean=float("norm" in name and name.endswith("weight")), std=0.1)
    feature = torch.randn(2, 8, 16, 16)
    with torch.set_grad_enabled(training):
        expected, actual = getattr(Restated(head), kind)(feature), head(feature)
    torch.testing.assert_close(expected, actual, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_the_transformer_starts_as_vit_does() -> None:
    torch.manual_seed(0)
    head = made("transformer")
    for name, value in head.named_parameters():
        # ViT: linear layers and position embeddings at a deviation of 0.02, biases at 0, norms at 1 and 0. The fewest
        # values are 16 positions times 256: their deviation is known to about 1 %.
        if name == "position" or (name.startswith("blocks") and value.ndim == 2):
            assert 0.02 == pytest.approx(value.std().item(), rel=0.05), name
        elif "norm" in name and name.endswith("weight"):
            assert torch.equal(torch.ones_like(value), value), name
        elif name.startswith(("blocks", "norm")):
            assert torch.equal(torch.zeros_like(value), value), name


def test_the_transformers_blocks_start_apart() -> None:
    first, second = (block.linear1.weight for block in list(made("transformer").blocks)[:2])
    assert not torch.equal(first, second)


def test_the_regressed_offset_starts_close_to_nothing_as_released() -> None:
    torch.manual_seed(0)
    assert 0.001 == pytest.approx(made("afc")[7].weight.std().item(), rel=0.2)


@pytest.mark.parametrize("decimal", [0, 3, 16, 32])
def test_a_decimal_map_that_does_not_come_out_by_halving_is_refused(decimal: int) -> None:
    with pytest.raises(ValueError, match=f"^a decimal map of {decimal} bins does not come out of 16 cells by halving$"):
        made("conv", decimal=decimal)


@pytest.mark.parametrize("decimal", [0, 3, 32])
def test_a_decimal_map_that_does_not_come_out_by_patches_is_refused(decimal: int) -> None:
    with pytest.raises(ValueError, match=f"^a decimal map of {decimal} bins does not come out of 16 cells by patches$"):
        made("transformer", decimal=decimal)


@pytest.mark.parametrize("kind", HEADS)
def test_a_feature_too_small_for_the_pools_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"^a head takes features of at least 4 cells a side, got 2$"):
        made(kind, side=2, decimal=1)


@pytest.mark.parametrize("kind", HEADS)
def test_the_smallest_feature_is_enough(kind: str) -> None:
    # By hand: four cells leave one after the pools.
    shape = {"afc": (1, 3, 2), "od": (1, 2, 4, 4)}.get(kind, (1, 3, 2, 2))
    assert shape == made(kind, side=4, decimal=2).eval()(torch.zeros(1, 8, 4, 4)).shape


@pytest.mark.parametrize("kind", HEADS)
def test_what_a_head_says_is_read_in_float32_by_the_codec_that_asks_for_it(joined, kind: str) -> None:
    torch.manual_seed(0)
    model = joined(UNet(width=4), kind).eval()
    outputs = {name: value.bfloat16() for name, value in model(torch.randint(0, 256, (2, 3, 64, 64))).items()}
    said = model.head.read(outputs)
    assert [model.head.output] == list(said)
    assert torch.equal(outputs[model.head.output].float(), said[model.head.output])
    decoded = model.decode(outputs)
    assert (2, 3, 2) == decoded.landmarks.shape
    expected = model.config.codec.decode({"heatmap": outputs["heatmap"][:, -1].float(), **said})
    assert torch.equal(expected.landmarks, decoded.landmarks)


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_costs_one_number_per_landmark_that_falls_to_0_where_it_is_right(joined, kind: str) -> None:
    codec = joined(UNet(width=4), kind).config.codec
    landmarks = np.random.default_rng(0).uniform(5, 58, (2, 3, 2))
    batch = {name: torch.from_numpy(value) for name, value in codec.encode(landmarks, np.ones((2, 3), bool)).items()}
    maps = codec.render(batch)
    offset_map = torch.zeros(2, 2, 16, 16)
    for n in range(2):
        for k in range(3):
            x, y = batch["cells"][n, k].int().tolist()
            offset_map[n, :, y, x] = batch["parts"][n, k]
    right = {"decimal": maps["decimal"], "offset": batch["parts"], "offset_map": offset_map}
    head, name = made(kind), HEADS[kind].output
    noise = torch.rand(right[name].shape, generator=torch.Generator().manual_seed(1))
    costs = [
        head.loss({name: said}, maps, batch, coordinate_soft_classification)
        for said in (right[name], right[name] + noise)
    ]
    assert [(2, 3), (2, 3)] == [tuple(cost.shape) for cost in costs]
    torch.testing.assert_close(torch.zeros(2, 3), costs[0])
    assert 0 < costs[1].min()
