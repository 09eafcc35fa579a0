"""Bytes of pictures: what is decoded, and what is refused with a clear sentence."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
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


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "PCX", "JPEG2000", "SGI", "EPS"])
def test_formats_beside_the_six_are_refused_whatever_reads_them(kind: str) -> None:
    # Pillow would take each, and start Ghostscript for the last.
    data = EPS if kind == "EPS" else saved(Image.fromarray(PIXELS), kind)
    with pytest.raises(ValueError, match=r"^unreadable or truncated image: no known picture format$"):
        images.decode(data)


def test_what_a_file_is_called_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(saved(Image.fromarray(PIXELS), "PNG"))
    np.testing.assert_array_equal(PIXELS, images.read(tmp_path, "x.jpg"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    first = Image.fromarray(PIXELS).quantize() if kind == "GIF" else Image.fromarray(PIXELS)
    other = Image.new(first.mode, first.size)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(first, kind, save_all=True, append_images=[other], **options)
    np.testing.assert_array_equal(np.asarray(first.convert("RGB")), images.decode(data))


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.float32, "floats"), (np.int32, "signed or 32-bit integers")], ids=["float", "int32"]
)
def test_pixels_that_no_byte_can_stand_for_are_refused_with_the_way_out(dtype: type, kind: str) -> None:
    data = saved(Image.fromarray(PIXELS[..., 0].astype(dtype)), "TIFF")
    message = f"its pixels are {kind}, and no file says which is white: save it with 8 or 16 bits per channel"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        images.decode(data)


def tiff(bits: int, photometric: int, side: int, pixels: bytes, *more: tuple[int, int]) -> bytes:
    """A little-endian gray TIFF of one strip; `more` are tags and values."""
    tags = {256: side, 257: side, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: side, 279: len(pixels)}
    entries = sorted({**tags, **dict(more)}.items())
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return head + pixels + struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)


def test_a_12_bit_tiff_is_scaled_by_its_own_depth() -> None:
    # Two pixels of 12 bits in three bytes: 0xfff and 0x800, then 0x000 and 0x7f0.
    decoded = images.decode(tiff(12, 1, 2, bytes([0xFF, 0xF8, 0x00, 0x00, 0x07, 0xF0])))
    assert [[255, 128], [0, 127]] == decoded[..., 0].tolist()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_white_is_zero_is_turned(bits: int) -> None:
    pixels = np.array([[0, 255], [64, 128]]) * (257 if bits == 16 else 1)
    decoded = images.decode(tiff(bits, 0, 2, pixels.astype(f"<u{bits // 8}").tobytes()))
    assert [[255, 0], [191, 127]] == decoded[..., 0].tolist()


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">II", zlib.crc32(header), 0) + b"IDAT"


def webp_header(width: int, height: int) -> bytes:
    """A lossless WebP of few pixels that declares more: 14 bits each, less 1, after the mark 0x2f."""
    small = saved(Image.fromarray(PIXELS), "WEBP", lossless=True)
    assert (b"VP8L", 0x2F) == (small[12:16], small[20])
    sizes = int.from_bytes(small[21:25], "little") >> 28 << 28 | (height - 1) << 14 | (width - 1)
    return small[:21] + sizes.to_bytes(4, "little") + small[25:]


def gif_whose_frame_is_larger(width: int, height: int) -> bytes:
    data = saved(Image.fromarray(PIXELS).quantize(), "GIF")
    frame = struct.pack("<HHHH", 0, 0, 32, 24)
    assert data.count(b"," + frame) == 1
    return data.replace(b"," + frame, b"," + struct.pack("<HHHH", 0, 0, width, height))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png_header(13370, 13370), "a picture of 13370 x 13370"),
        (png_header(2**31 - 1, 2**31 - 1), "a picture of 2147483647 x 2147483647"),
        (webp_header(16_383, 16_383), "a picture of 16383 x 16383"),
        (gif_whose_frame_is_larger(60_000, 60_000), "a picture of 60000 x 60000"),
        (tiff(8, 1, 30_000, b"\0"), "a picture of 30000 x 30000"),
        (tiff(8, 1, 2, b"\0", (322, 2**20), (323, 2**20), (324, 8), (325, 1)), "a tile of 1048576 x 1048576"),
    ],
    ids=["PNG", "PNG of 4 exapixels", "WebP", "GIF's frame", "TIFF", "TIFF's tile"],
)
def test_a_picture_that_declares_too_many_pixels_is_refused_before_it_is_decoded(data: bytes, size: str) -> None:
    message = f"{size} pixels is over the limit of 100,000,000; the variable HEATMARK_MAX_PIXELS sets another"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        images.decode(data)


def test_there_is_one_limit_which_can_be_set_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.fromarray(PIXELS), "PNG")  # 768 px
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "767")
    with pytest.raises(ValueError, match=r"^a picture of 32 x 24 pixels is over the limit of 767"):
        images.decode(data)
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "1000000000")
    # Pillow's own limits are 89 million, where it warns (an error in these tests), and twice as many.
    for side in (9_700, 13_500, 30_000):
        with Image.open(io.BytesIO(png_header(side, side))) as declared:
            images._check(declared)


@pytest.mark.parametrize("make", ["pipe", "folder", "loop", "long", "zero"])
def test_what_is_no_regular_file_is_never_opened(tmp_path: Path, make: str) -> None:
    name, reason = {
        "pipe": ("x.jpg", "expected a regular file, got a pipe"),
        "folder": ("x.jpg", "expected a regular file, got a folder"),
        "loop": ("x.jpg", "its name leads nowhere"),
        "long": ("x" * 300 + ".jpg", "File name too long"),
        "zero": ("x\0.jpg", "its name leads nowhere"),
    }[make]
    if make == "pipe":
        os.mkfifo(tmp_path / name)
    elif make == "folder":
        (tmp_path / name).mkdir()
    elif make == "loop":
        (tmp_path / name).symlink_to(name)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name}: unreadable image: {reason}')}$"):
        images.read(tmp_path, name)


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
