"""What holds for every network, registered here or later, by itself and joined with each head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from components.codecs import Hih
from components.heads import HEADS
from components.model import LandmarkModel
from components.networks import NETWORKS, Network

# A small configuration of each; a network that is added needs one here.
SMALL = {
    "fan": {"modules": 2, "depth": 2, "features": 8, "decimal_features": 8},
    "hourglass": {"stacks": 2, "depth": 2, "features": 8, "decimal_features": 8},
    "unet": {"width": 4},
}
CASES = [(name, kind) for name in sorted(NETWORKS) for kind in (None, *HEADS)]
# What each head of 4 bins gives for 2 faces of 3 landmarks on 16 cells.
GIVEN = {
    None: {},
    "afc": {"offset": (2, 3, 2)},
    "conv": {"decimal": (2, 3, 4, 4)},
    "od": {"offset_map": (2, 2, 16, 16)},
    "transformer": {"decimal": (2, 3, 4, 4)},
}


def make(name: str) -> Network:
    return NETWORKS[name](**SMALL[name])


@pytest.fixture(scope="session")
def built(joined: Callable) -> Callable[[str, str | None], nn.Module]:
    """Initialised so that its outputs depend on its inputs: HIH's own deviations are too small for that."""

    def build(name: str, kind: str | None) -> nn.Module:
        torch.manual_seed(0)
        model = joined(make(name), kind)
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        # Pixels as they are, not standardised.
        model.mean.zero_()
        model.std.fill_(1.0)
        return model

    return build


def test_the_registry_is_sorted_and_each_network_is_tested() -> None:
    assert sorted(NETWORKS) == list(NETWORKS)
    assert set(NETWORKS) == set(SMALL)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_is_its_configuration(name: str) -> None:
    assert make(name) == NETWORKS[name](**asdict(make(name)))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_configuration_needs_its_names(name: str) -> None:
    with pytest.raises(TypeError):
        NETWORKS[name](*SMALL[name].values())


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_maps_have_a_stack_a_landmark_and_a_cell_per_stride(built: Callable, name: str, kind: str | None) -> None:
    outputs = built(name, kind)(torch.zeros(2, 3, 64, 64))
    stacks = SMALL[name].get("stacks", SMALL[name].get("modules", 1))
    expected = {"heatmap": (2, stacks, 3, 16, 16), **GIVEN[kind]}
    assert 4 == make(name).stride
    assert expected == {key: tuple(value.shape) for key, value in outputs.items()}


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_parameter_that_asks_for_a_gradient_gets_one(built: Callable, name: str, kind: str | None) -> None:
    # DDP waits for every one of them.
    network = built(name, kind)
    sum(value.square().sum() for value in network(torch.randn(2, 3, 64, 64)).values()).backward()
    assert [] == [key for key, value in network.named_parameters() if value.requires_grad and value.grad is None]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_parameters_that_ask_for_no_gradient_do_not_change_the_outputs(
    built: Callable, name: str, kind: str | None
) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(1, 3, 64, 64)
    before = network(pixels)
    with torch.no_grad():
        for value in network.parameters():
            if not value.requires_grad:
                value.add_(1.0)
    for key, value in network(pixels).items():
        torch.testing.assert_close(before[key], value)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_face_is_read_independently_of_its_batch(built: Callable, name: str, kind: str | None) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(3, 3, 64, 64)
    whole = network(pixels)
    for key, value in network(pixels[1:2]).items():
        scale = value.abs().max().item()
        torch.testing.assert_close(whole[key][1:2], value, rtol=0, atol=1e-4 * scale)
        assert (whole[key][:1] - value).abs().max() > 1e-2 * scale


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_rows_stay_rows(built: Callable, name: str, kind: str | None) -> None:
    # A network that mixed up its axes would answer a bright top as it does a bright left.
    network = built(name, kind).eval()
    top, left = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    top[:, :, :8], left[:, :, :, :8] = 1.0, 1.0
    nothing, by_row, by_column = (network(pixels) for pixels in (torch.zeros(1, 3, 64, 64), top, left))
    for key in set(nothing) - {"offset"}:
        if kind == "transformer" and key == "decimal":
            continue  # Attention looks everywhere at once; the order of its tokens is tested with the head.
        rows = (by_row[key] - nothing[key]).abs().flatten(0, -3).mean((0, 2))
        columns = (by_column[key] - nothing[key]).abs().flatten(0, -3).mean((0, 1))
        quarter = len(rows) // 4
        assert rows[:quarter].sum() > rows[-quarter:].sum(), key
        assert columns[:quarter].sum() > columns[-quarter:].sum(), key


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_bfloat16_and_channels_last_give_the_same_within_their_digits(
    built: Callable, name: str, kind: str | None
) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        exact = network(pixels)
        network = network.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(pixels.contiguous(memory_format=torch.channels_last))
    for key, value in exact.items():
        # bfloat16 has 8 bits: each layer errs by a few thousandths, and the layers' errors add up.
        error = (rounded[key].float() - value).norm() / value.norm()
        assert error < 0.05, key


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_crop_that_cannot_be_halved_so_often_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.* takes crops of a multiple of .* px.*, got 60"):
        make(name).build(num_landmarks=3, crop=60, with_feature=False)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("decimal", [3, 16, 32])
def test_a_decimal_map_that_does_not_come_out_by_halving_is_refused(joined: Callable, name: str, decimal: int) -> None:
    with pytest.raises(ValueError, match=f"a decimal map of {decimal} bins does not come out of 16 cells by halving"):
        joined(make(name), "conv", decimal=decimal)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("kind", ["conv", "transformer"])
@pytest.mark.parametrize("crop", [64, 128, 192])
def test_a_decimal_map_has_its_size_for_any_crop(joined: Callable, name: str, kind: str, crop: int) -> None:
    decimal = crop // 4 // 2
    model = joined(make(name), kind, crop=crop, decimal=decimal).eval()
    assert (1, 3, decimal, decimal) == model(torch.zeros(1, 3, crop, crop))["decimal"].shape


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("kind", ["vit", "hih", ""])
def test_an_unknown_head_is_refused_with_the_known(joined: Callable, name: str, kind: str) -> None:
    # "woo", without offset, is no head: its codec asks for none.
    codec = Hih(crop=64, stride=4, sigma=1.5, decimal_head=kind)
    config = replace(joined(make(name), None).config, codec=codec)
    with pytest.raises(ValueError, match=f"^unknown head {kind!r}; known: afc, conv, od, transformer$"):
        LandmarkModel(config)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network_hands_out_its_last_feature_where_a_head_follows_and_only_there(name: str) -> None:
    outputs = make(name).build(num_landmarks=3, crop=64, with_feature=True)(torch.zeros(2, 3, 64, 64))
    assert (2, make(name).features, 16, 16) == outputs["feature"].shape
    plain = make(name).build(num_landmarks=3, crop=64, with_feature=False)
    assert ["heatmap"] == list(plain(torch.zeros(2, 3, 64, 64)))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_head_changes_nothing_of_how_a_network_starts(joined: Callable, name: str) -> None:
    torch.manual_seed(0)
    by_itself = make(name).build(num_landmarks=3, crop=64, with_feature=False).state_dict()
    starts = {}
    for kind in (None, "conv"):
        torch.manual_seed(0)
        starts[kind] = joined(make(name), kind).network.state_dict()
    assert list(by_itself) == list(starts[None]) == list(starts["conv"])
    if make(name).conv_std is None:
        assert all(torch.equal(value, starts["conv"][key]) for key, value in starts[None].items())
        # What the maps come out of is scaled to the loss.
        rest = {key: value for key, value in by_itself.items() if ".heatmap." not in f".{key}"}
        assert all(torch.equal(value, starts["conv"][key]) for key, value in rest.items())


SIZES = [(name, field) for name in sorted(NETWORKS) for field, value in SMALL[name].items() if type(value) is int]


@pytest.mark.parametrize(("name", "field"), SIZES)
@pytest.mark.parametrize("value", [0, -1, 10**9])
def test_a_size_out_of_its_bounds_is_refused_at_once_by_its_name(name: str, field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field.removesuffix('s')}.*{value}"):
        NETWORKS[name](**{**SMALL[name], field: value})


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_weights_are_a_flat_dictionary_that_loads_again(built: Callable, name: str, kind: str | None) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(1, 3, 64, 64)
    again = built(name, kind).eval()
    with torch.no_grad():
        for value in again.parameters():
            value.zero_()
    again.load_weights(network.weights())
    for key, value in network(pixels).items():
        torch.testing.assert_close(value, again(pixels)[key])
