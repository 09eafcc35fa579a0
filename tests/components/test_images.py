"""Bytes of pictures: what is decoded, and what is refused with a clear sentence."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components import images

# 24 x 32 px of smooth colours: left to right red, top to bottom green.
PIXELS = np.stack(
    [
        np.tile(np.linspace(0, 255, 32), (24, 1)),
        np.tile(np.linspace(255, 0, 24)[:, None], (1, 32)),
        np.full((24, 32), 90.0),
    ],
    axis=-1,
).astype(np.uint8)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def test_a_png_is_decoded_exactly() -> None:
    decoded = images.decode(saved(Image.fromarray(PIXELS), "PNG"))
    np.testing.assert_array_equal(PIXELS, decoded)
    assert np.uint8 == decoded.dtype


def test_a_jpeg_is_decoded_to_red_green_blue() -> None:
    decoded = images.decode(saved(Image.fromarray(PIXELS), "JPEG", quality=95))
    np.testing.assert_allclose(decoded.astype(int), PIXELS, atol=12)


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("L", "JPEG"), ("L", "TIFF")], ids=lambda value: value
)
def test_a_gray_picture_has_three_equal_channels(mode: str, kind: str) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    decoded = images.decode(saved(picture, kind))
    assert PIXELS.shape == decoded.shape
    np.testing.assert_array_equal(decoded[..., 0], decoded[..., 2])
    np.testing.assert_allclose(decoded[..., 1].astype(int), np.asarray(picture.convert("L")), atol=3)


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("P", "PNG"), ("P", "GIF"), ("CMYK", "TIFF"), ("CMYK", "JPEG")]
)
def test_palettes_alpha_and_cmyk_are_turned_into_rgb(mode: str, kind: str) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    decoded = images.decode(saved(picture, kind))
    np.testing.assert_allclose(decoded.astype(int), np.asarray(picture.convert("RGB")), atol=12)


def test_a_transparent_pixel_keeps_its_colour() -> None:
    clear = np.dstack([PIXELS, np.zeros((24, 32), np.uint8)])
    np.testing.assert_array_equal(PIXELS, images.decode(saved(Image.fromarray(clear), "PNG")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_not_clipped(kind: str) -> None:
    deep = PIXELS[..., 0].astype(np.uint16) * 257  # 255 becomes 65535
    np.testing.assert_array_equal(PIXELS[..., [0, 0, 0]], images.decode(saved(Image.fromarray(deep), kind)))


def test_exif_orientation_is_ignored_as_the_landmarks_authors_did() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees to see it upright"
    turned = saved(Image.fromarray(PIXELS), "JPEG", quality=95, exif=exif)
    assert 6 == Image.open(io.BytesIO(turned)).getexif()[0x0112]
    np.testing.assert_array_equal(
        images.decode(saved(Image.fromarray(PIXELS), "JPEG", quality=95)), images.decode(turned)
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_picture_cut_off_anywhere_is_refused(kind: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(ValueError, match=r"^unreadable or truncated image: ") as refused:
        images.decode(data[: int(len(data) * kept)])
    message = str(refused.value)
    assert len("unreadable or truncated image: ") + 10 < len(message) < 120
    assert not any(noise in message for noise in ("0x", "<", "object at", "\n"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_short_of_its_last_bytes_is_refused_or_whole(kind: str) -> None:
    data = saved(Image.fromarray(PIXELS), kind)
    whole, refused = images.decode(data), 0
    for missing in range(1, 40):
        try:
            np.testing.assert_array_equal(whole, images.decode(data[:-missing]))
        except ValueError:
            refused += 1
    assert refused >= 15  # what is left out may be the mark of the end, not more


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"<html></html>"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape("unreadable or truncated image: no known picture format") + "$"
    ):
        images.decode(data)


def test_a_picture_is_read_from_the_datasets_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(saved(Image.fromarray(PIXELS), "PNG"))
    np.testing.assert_array_equal(PIXELS, images.read(tmp_path, "a/x.png"))


def test_a_folder_reached_by_a_link_is_the_datasets_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.png").write_bytes(saved(Image.fromarray(PIXELS), "PNG"))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    np.testing.assert_array_equal(PIXELS, images.read(tmp_path / "link", "x.png"))


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "link.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.png").write_bytes(saved(Image.fromarray(PIXELS), "PNG"))
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (folder / "link.png").symlink_to(tmp_path / "x.png")
    with pytest.raises(ValueError, match="^" + re.escape(f"{name}: leads out of the dataset's folder") + "$"):
        images.read(folder, name)


def test_an_absolute_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(saved(Image.fromarray(PIXELS), "PNG"))
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match="leads out of the dataset's folder"):
        images.read(tmp_path / "data", str(tmp_path / "x.png"))


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^" + re.escape("x.jpg: unreadable image: No such file or directory") + "$"):
        images.read(tmp_path, "x.jpg")


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    with pytest.raises(
        ValueError, match="^" + re.escape("x.jpg: unreadable or truncated image: no known picture format") + "$"
    ):
        images.read(tmp_path, "x.jpg")


def test_our_own_jpegs_come_back_in_the_right_colours() -> None:
    decoded = images.decode_own(images.encode_jpeg(PIXELS, 95))
    np.testing.assert_allclose(decoded.astype(int), PIXELS, atol=12)


def test_our_own_jpegs_are_plain_jpegs() -> None:
    data = images.encode_jpeg(PIXELS, 95)
    np.testing.assert_allclose(images.decode(data).astype(int), images.decode_own(data), atol=3)


def test_a_lower_quality_takes_fewer_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    assert len(images.encode_jpeg(noise, 30)) < len(images.encode_jpeg(noise, 95))
