"""What holds for every network, registered here or later."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from torch import nn

from components.networks import NETWORKS, Network

# A small configuration of each; a network that is added needs one here.
SMALL = {"hourglass": {"stacks": 2, "depth": 2, "features": 8, "decimal_features": 8}, "unet": {"width": 4}}
CASES = [(name, decimal) for name in sorted(NETWORKS) for decimal in (None, 4)]


def make(name: str) -> Network:
    return NETWORKS[name](**SMALL[name])


def built(name: str, decimal: int | None) -> nn.Module:
    """Initialised so that its outputs depend on its inputs: HIH's own deviations are too small for that."""
    torch.manual_seed(0)
    network = make(name).build(num_landmarks=3, crop=64, decimal=decimal)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
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


@pytest.mark.parametrize(("name", "decimal"), CASES)
def test_maps_have_a_stack_a_landmark_and_a_cell_per_stride(name: str, decimal: int | None) -> None:
    outputs = built(name, decimal)(torch.zeros(2, 3, 64, 64))
    stacks = SMALL[name].get("stacks", 1)
    side = 64 // make(name).stride
    expected = {"heatmap": (2, stacks, 3, side, side)} | ({"decimal": (2, 3, decimal, decimal)} if decimal else {})
    assert expected == {key: tuple(value.shape) for key, value in outputs.items()}


@pytest.mark.parametrize(("name", "decimal"), CASES)
def test_every_parameter_that_asks_for_a_gradient_gets_one(name: str, decimal: int | None) -> None:
    # DDP waits for every one of them.
    network = built(name, decimal)
    sum(value.square().sum() for value in network(torch.randn(2, 3, 64, 64)).values()).backward()
    assert [] == [key for key, value in network.named_parameters() if value.requires_grad and value.grad is None]


@pytest.mark.parametrize(("name", "decimal"), CASES)
def test_parameters_that_ask_for_no_gradient_do_not_change_the_outputs(name: str, decimal: int | None) -> None:
    network, pixels = built(name, decimal).eval(), torch.randn(1, 3, 64, 64)
    before = network(pixels)
    with torch.no_grad():
        for value in network.parameters():
            if not value.requires_grad:
                value.add_(1.0)
    for key, value in network(pixels).items():
        torch.testing.assert_close(before[key], value)


@pytest.mark.parametrize(("name", "decimal"), CASES)
def test_a_face_is_read_independently_of_its_batch(name: str, decimal: int | None) -> None:
    network, pixels = built(name, decimal).eval(), torch.randn(3, 3, 64, 64)
    whole = network(pixels)
    for key, value in network(pixels[1:2]).items():
        torch.testing.assert_close(whole[key][1:2], value, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(whole[key][:1], value, atol=1e-2)


@pytest.mark.parametrize(("name", "decimal"), CASES)
def test_rows_stay_rows(name: str, decimal: int | None) -> None:
    # A network that mixed up its axes would answer a bright top as it does a bright left.
    network = built(name, decimal).eval()
    top, left = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    top[:, :, :8], left[:, :, :, :8] = 1.0, 1.0
    response = (network(top)["heatmap"] - network(torch.zeros(1, 3, 64, 64))["heatmap"]).abs()[0, 0]
    assert response[:, :4].sum() > response[:, -4:].sum()
    response = (network(left)["heatmap"] - network(torch.zeros(1, 3, 64, 64))["heatmap"]).abs()[0, 0]
    assert response[:, :, :4].sum() > response[:, :, -4:].sum()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_crop_that_cannot_be_halved_so_often_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.* takes crops of a multiple of .* px.*, got 60"):
        make(name).build(num_landmarks=3, crop=60, decimal=None)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("decimal", [3, 16, 32])
def test_a_decimal_map_that_does_not_come_out_by_halving_is_refused(name: str, decimal: int) -> None:
    with pytest.raises(ValueError, match=f"a decimal map of {decimal} bins does not come out of 16 cells by halving"):
        make(name).build(num_landmarks=3, crop=64, decimal=decimal)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("crop", [64, 128, 192])
def test_a_decimal_map_has_its_size_for_any_crop(name: str, crop: int) -> None:
    decimal = crop // 4 // 2
    network = make(name).build(num_landmarks=1, crop=crop, decimal=decimal).eval()
    assert (1, 1, decimal, decimal) == network(torch.zeros(1, 3, crop, crop))["decimal"].shape
