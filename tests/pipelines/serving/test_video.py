"""Videos read and written: frame by frame, to the last, and one sentence for what is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.serving.video import SUFFIXES, Video, is_video
from pipelines.serving.video_writer import CODECS, whole_video

FRAMES = [np.full((48, 64, 3), (10 * i, 20, 200), np.uint8) for i in range(20)]
NONE = f"not a video of one of the kinds {', '.join(SUFFIXES)}"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def write(path: Path, frames: Iterable[np.ndarray] = FRAMES, height: int = 48, width: int = 64) -> Path:
    with whole_video(path, 25, height, width) as add:
        for frame in frames:
            add(frame)
    return path


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_what_is_written_comes_back_as_rgb_with_its_size_and_rate(suffix: str, tmp_path: Path):
    video = Video(write(tmp_path / f"clip{suffix}"))
    assert (48, 64, 25.0, 20, 0) == (video.height, video.width, video.fps, video.declared, video.turned_deg)
    read = list(video.frames())
    assert 20 == len(read)
    # A plain colour survives the codec but for rounding in its colour space: 8 of 255.
    assert max(np.abs(read[i].astype(int) - FRAMES[i]).max() for i in range(20)) <= 8
    assert [f"clip{suffix}"] == names(tmp_path)


def test_an_odd_side_loses_its_last_line(tmp_path: Path):
    video = Video(write(tmp_path / "clip.mp4", [np.zeros((49, 65, 3), np.uint8)] * 3, 49, 65))
    assert (48, 64) == (video.height, video.width)


def test_a_video_appears_whole_or_not_at_all(tmp_path: Path):
    def stopped():
        yield FRAMES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "clip.mp4", stopped())
    assert [] == names(tmp_path)


def test_a_size_that_no_codec_takes_and_a_name_that_says_nothing_are_one_sentence(tmp_path: Path):
    with pytest.raises(ValueError, match="OpenCV cannot write a video of 0 x 0 px by its codec mp4v"):
        write(tmp_path / "clip.mp4", [np.zeros((1, 1, 3), np.uint8)], 1, 1)
    with pytest.raises(ValueError, match=r"expected a video's name that ends in \.mp4, \.mov, \.mkv, \.avi"):
        write(tmp_path / "clip.webm")
    assert [] == names(tmp_path)


def test_frames_are_read_to_the_last_whatever_the_header_says(tmp_path: Path):
    whole = write(tmp_path / "clip.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: int(0.9 * len(whole))])
    video = Video(tmp_path / "cut.avi")
    assert 20 == video.declared
    assert 0 < len(list(video.frames())) < 20


def test_a_video_that_asks_to_be_turned_is_turned(tmp_path: Path):
    data = bytearray(write(tmp_path / "clip.mp4").read_bytes())
    # ISO/IEC 14496-12, 8.3.2, a track's header: its matrix of nine 32-bit numbers ends 8 bytes before the box does.
    start = data.index(b"tkhd") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    quarter = [0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30]
    data[end - 44 : end - 8] = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    (tmp_path / "turned.mp4").write_bytes(data)
    video = Video(tmp_path / "turned.mp4")
    assert (90, 64, 48) == (video.turned_deg, video.height, video.width)
    assert (64, 48, 3) == next(video.frames()).shape


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"no video at all, but some text", NONE),
        # Both are lists of further files, which FFmpeg would open.
        (b"ffconcat version 1.0\nfile clip.avi\n", NONE),
        (b"#EXTM3U\n#EXTINF:10,\nclip.avi\n", NONE),
        (cv2.imencode(".png", FRAMES[0])[1].tobytes(), NONE),
        (b"\0\0\0\x20ftypisom" + bytes(100), "not a video that can be read, or a broken one"),
        (b"RIFF\0\0\0\0AVI " + bytes(100), "not a video that can be read, or a broken one"),
    ],
    ids=["empty", "text", "concat", "playlist", "picture", "mp4", "avi"],
)
def test_what_is_no_video_is_one_sentence(content: bytes, sentence: str, tmp_path: Path, capfd):
    write(tmp_path / "clip.avi")
    path = tmp_path / "bad\x1b[2J.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        Video(path)
    assert "\x1b" not in str(caught.value)
    assert "" == capfd.readouterr().err  # OpenCV and FFmpeg say nothing beside it


def test_a_broken_video_a_folder_and_nothing_are_one_sentence(tmp_path: Path):
    whole = write(tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])  # what says where frames are stands at the end
    for name, sentence in (("half.mp4", "a broken one"), ("none.mp4", "No such file"), (".", "a folder")):
        with pytest.raises(ValueError, match=sentence):
            Video(tmp_path / name)


def test_frames_that_are_too_large_are_refused_before_one_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "clip.mp4")
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "3000")
    with pytest.raises(ValueError, match="a frame of 64 x 48 pixels is over the limit of 3,000"):
        Video(path)


def test_a_video_is_told_by_its_names_end():
    assert [True, True, False] == [is_video(Path(name)) for name in ("a.mp4", "A.MKV", "a.jpg")]
