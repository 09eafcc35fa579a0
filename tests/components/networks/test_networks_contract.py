"""What holds for every network, registered here or later."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from torch import nn

from components.networks import HEADS, NETWORKS, Head, Network

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


def built(name: str, kind: str | None) -> nn.Module:
    """Initialised so that its outputs depend on its inputs: HIH's own deviations are too small for that."""
    torch.manual_seed(0)
    network = make(name).build(num_landmarks=3, crop=64, head=Head(kind, 4) if kind else None)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return network


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
def test_maps_have_a_stack_a_landmark_and_a_cell_per_stride(name: str, kind: str | None) -> None:
    outputs = built(name, kind)(torch.zeros(2, 3, 64, 64))
    stacks = SMALL[name].get("stacks", SMALL[name].get("modules", 1))
    expected = {"heatmap": (2, stacks, 3, 16, 16), **GIVEN[kind]}
    assert 4 == make(name).stride
    assert expected == {key: tuple(value.shape) for key, value in outputs.items()}


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_parameter_that_asks_for_a_gradient_gets_one(name: str, kind: str | None) -> None:
    # DDP waits for every one of them.
    network = built(name, kind)
    sum(value.square().sum() for value in network(torch.randn(2, 3, 64, 64)).values()).backward()
    assert [] == [key for key, value in network.named_parameters() if value.requires_grad and value.grad is None]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_parameters_that_ask_for_no_gradient_do_not_change_the_outputs(name: str, kind: str | None) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(1, 3, 64, 64)
    before = network(pixels)
    with torch.no_grad():
        for value in network.parameters():
            if not value.requires_grad:
                value.add_(1.0)
    for key, value in network(pixels).items():
        torch.testing.assert_close(before[key], value)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_face_is_read_independently_of_its_batch(name: str, kind: str | None) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(3, 3, 64, 64)
    whole = network(pixels)
    for key, value in network(pixels[1:2]).items():
        scale = value.abs().max().item()
        torch.testing.assert_close(whole[key][1:2], value, rtol=0, atol=1e-4 * scale)
        assert (whole[key][:1] - value).abs().max() > 1e-2 * scale


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_rows_stay_rows(name: str, kind: str | None) -> None:
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
def test_bfloat16_and_channels_last_give_the_same_within_their_digits(name: str, kind: str | None) -> None:
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
        make(name).build(num_landmarks=3, crop=60, head=None)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("decimal", [3, 16, 32])
def test_a_decimal_map_that_does_not_come_out_by_halving_is_refused(name: str, decimal: int) -> None:
    with pytest.raises(ValueError, match=f"a decimal map of {decimal} bins does not come out of 16 cells by halving"):
        make(name).build(num_landmarks=3, crop=64, head=Head("conv", decimal))


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("kind", ["conv", "transformer"])
@pytest.mark.parametrize("crop", [64, 128, 192])
def test_a_decimal_map_has_its_size_for_any_crop(name: str, kind: str, crop: int) -> None:
    decimal = crop // 4 // 2
    network = make(name).build(num_landmarks=1, crop=crop, head=Head(kind, decimal)).eval()
    assert (1, 1, decimal, decimal) == network(torch.zeros(1, 3, crop, crop))["decimal"].shape


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_an_unknown_head_is_refused_with_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="unknown head 'woo'; known: afc, conv, od, transformer"):
        make(name).build(num_landmarks=3, crop=64, head=Head("woo", 4))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_weights_are_a_flat_dictionary_that_loads_again(name: str, kind: str | None) -> None:
    network, pixels = built(name, kind).eval(), torch.randn(1, 3, 64, 64)
    again = make(name).build(num_landmarks=3, crop=64, head=Head(kind, 4) if kind else None).eval()
    again.load_state_dict(network.state_dict())
    for key, value in network(pixels).items():
        torch.testing.assert_close(value, again(pixels)[key])
