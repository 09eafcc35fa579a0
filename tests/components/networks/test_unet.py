"""The small U-Net."""

from __future__ import annotations

import re

import pytest
import torch

from components.networks import UNet


def convolution(inputs: int, outputs: int) -> int:
    """3 x 3 without bias, and batch norm's scale and shift."""
    return 9 * inputs * outputs + 2 * outputs


def test_parameters_at_width_48_are_counted_by_hand() -> None:
    network = UNet(width=48).build(num_landmarks=68, crop=128, with_feature=False)
    # 48, 72, 96 and 120 channels at strides 4 to 32; two convolutions per level, on the way up with the skip.
    stem = convolution(3, 24) + convolution(24, 48)
    down = sum(convolution(a, b) + convolution(b, b) for a, b in [(48, 48), (48, 72), (72, 96), (96, 120)])
    up = sum(convolution(a + b, b) + convolution(b, b) for a, b in [(120, 96), (96, 72), (72, 48)])
    expected = stem + down + up + 48 * 68 + 68
    assert expected == sum(value.numel() for value in network.parameters())
    assert 1.01 == pytest.approx(expected / 1e6, abs=0.01)


@pytest.mark.parametrize(("width", "crop"), [(47, 128), (48, 120), (48, 16)])
def test_an_odd_width_or_a_crop_that_does_not_divide_is_refused(width: int, crop: int) -> None:
    with pytest.raises(
        ValueError,
        match="^"
        + re.escape(f"unet takes crops of a multiple of 32 px and an even width, got {crop} and {width}")
        + "$",
    ):
        UNet(width=width).build(num_landmarks=68, crop=crop, with_feature=False)


def test_every_cell_sees_its_own_pixels_through_the_first_skip() -> None:
    torch.manual_seed(0)
    network = UNet(width=8).build(num_landmarks=1, crop=64, with_feature=False).eval()
    pixels = torch.randn(1, 3, 64, 64, requires_grad=True)
    network(pixels)["heatmap"][0, 0, 0, 5, 9].backward()
    # By hand: cell (row 5, column 9) is rows 20 to 23, columns 36 to 39.
    seen = pixels.grad[0].abs().sum(0)
    assert 0 < seen[20:24, 36:40].min()
    # The cell's own pixels, not those of (row 9, column 5), weigh most.
    assert seen[36:40, 20:24].mean() < seen[20:24, 36:40].mean()
