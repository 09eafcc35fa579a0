"""Folders of data as nobody should make them, given to the real command: each bad record is a rejected row with its reason.

One folder per reader, with every hostile thing in it beside good faces, so that ingest runs once for each.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[1] / "tiny.yaml"
OUT = "artifacts/tiny/annotations/read"
SIDE = 80  # of every good picture, px
EVIL = "\x1b[31mred\x1b[0m\u202etxt"  # coloured, and from right to left
SHOWN = r"\x1b[31mred\x1b[0m\u202etxt"


def picture(kind: str = "JPEG") -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    Image.fromarray(noise).save(data, kind)
    return data.getvalue()


def declared_png(side: int) -> bytes:
    """The header of a PNG of this side, and no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    end = struct.pack(">I", zlib.crc32(header)) + struct.pack(">I", 0) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + end


def float_tiff() -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((SIDE, SIDE), 0.5, np.float32)).save(data, "TIFF")
    return data.getvalue()


def face(seed: int, **changed: list[float]) -> np.ndarray:
    """68 landmarks, 0-based px, well inside a picture; those named m0, m1, ... as given."""
    points = np.random.default_rng(seed).uniform(10, 70, (68, 2))
    for name, value in changed.items():
        points[int(name[1:])] = value
    return points


def ingest(project, reader: str, folder: str):
    project.edit("params.yaml", ("reader: synthetic", f"reader: {reader}"), ("  synthetic:\n", f"  {folder}:\n"))
    try:
        return project.run("python", "-m", "pipelines.ingest", f"data/{folder}", OUT, check=False)
    finally:
        shutil.copy(TINY, project.root / "params.yaml")


def tables(project) -> tuple[list[dict], dict[str, str], str]:
    """Good rows, rejected face -> reason, and the card."""
    made = project.root / OUT
    rejected = pq.read_table(made / "rejected.parquet").to_pylist()
    reasons = {row["face"]: row["reason"] for row in rejected}
    assert len(reasons) == len(rejected)
    return pq.read_table(made / "annotations.parquet").to_pylist(), reasons, (made / "card.html").read_text()


def assert_nothing_is_raw(*texts: str) -> None:
    """No character that moves a cursor or turns the writing."""
    for text in texts:
        assert [] == [c for c in text if ord(c) < 32 and c not in "\n\t"]
        assert not set("\u202e\u2028\ufeff\x7f\x9b") & set(text)


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project()
    shutil.copy(TINY, project.root / "params.yaml")
    return project


@pytest.fixture(scope="module")
def faces_300w(project):
    """300-W one level too deep and in another case, as ingested -> (what the command said, good, reasons, card)."""
    root = project.root / "data/deep/ibug_300W_large_face_landmark_dataset"

    def add(name: str, points: np.ndarray, content: bytes | None = None, suffix: str = ".jpg", mark: str = "") -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            Path(f"{path}{suffix}").write_bytes(content)
        body = "\n".join(f"{x + 1} {y + 1}" for x, y in points)
        Path(f"{path}.pts").write_text(f"{mark}version: 1\nn_points: 68\n{{\n{body}\n}}\n", encoding="utf-8")
        return path

    for i in range(40):
        add(f"AFW/{i}_1", face(i), picture())
    for i in range(6):
        add(f"Helen/TestSet/{i}_1", face(i), picture())
    add("ibug/1_1", face(1), picture(), mark="\ufeff")
    add(f"AFW/{EVIL}\nfaces: 9_1", face(2), picture())
    add(f"AFW/{EVIL}_9", face(2)[:67], picture())
    add("AFW/90_1_mirror", face(3), picture())
    add("AFW/91_1", face(3), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    add("AFW/92_1", face(3), declared_png(20_000))
    add("AFW/93_1", face(3), float_tiff())
    add("AFW/94_1", face(3, m5=[1e30, 2]), picture())
    add("AFW/95_1", face(3, m5=[float("nan"), 2]), picture())
    add("AFW/96_1", 40 + face(3) / 40, picture())
    os.mkfifo(f"{add('AFW/97_1', face(3))}.jpg")
    pipe = add("AFW/98_1", face(3), picture())
    Path(f"{pipe}.pts").unlink()
    os.mkfifo(f"{pipe}.pts")
    loop = add("AFW/99_1", face(3))
    Path(f"{loop}.jpg").symlink_to("99_1.jpg")
    (root / "AFW/up").symlink_to("..")
    bad = os.fsencode(root / "AFW") + b"/\xff\xfe_1"
    for suffix in (b".jpg", b".pts"):
        shutil.copy(root / f"AFW/1_1{suffix.decode()}", os.fsdecode(bad + suffix))
    return ingest(project, "300w", "deep"), *tables(project)


def test_300w_one_level_too_deep_in_another_case_has_its_test_faces_in_test(faces_300w):
    done, good, _, _ = faces_300w
    assert done.returncode == 0, done.stderr
    test = {row["face"] for row in good if row["split"] == "test"}
    assert test == {*(f"helen/testset/{i}_1" for i in range(6)), "ibug/1_1"}  # the last has a byte order mark
    assert {"afw"} == {row["face"].partition("/")[0] for row in good} - {"helen", "ibug"}
    assert 40 + 6 + 1 + 1 == len(good)


def test_each_bad_face_of_300w_is_rejected_with_its_reason(faces_300w):
    _, _, reasons, _ = faces_300w
    expected = {
        f"afw/{SHOWN}_9": "expected 68 landmarks, got 67",
        "afw/90_1_mirror": "a mirrored copy, not a face of the benchmark",
        "afw/91_1": "unreadable or truncated image: no known picture format",
        "afw/92_1": "a picture of 20000 x 20000 pixels is over the limit of 100,000,000; the variable HEATMARK_MAX_PIXELS",
        "afw/93_1": "its pixels are floats, and no file says which is white",
        "afw/94_1": "afw/94_1: a landmark lies 1e+30 px outside its picture of 80 x 80",
        "afw/95_1": "1 landmarks are NaN or infinite, the first is number 5",
        "afw/96_1": "the box of its landmarks is 1.",
        "afw/97_1": "no picture beside it",
        "afw/98_1": "98_1.pts: expected a regular file, got a pipe",
        "afw/99_1": "no picture beside it",
        r"afw/\udcff\udcfe_1": "a name that is not UTF-8: rename the file",
    }
    assert set(expected) == set(reasons)
    for name, part in expected.items():
        assert part in reasons[name]


def test_names_of_300w_reach_neither_the_terminal_nor_the_card_raw(faces_300w):
    done, good, reasons, card = faces_300w
    assert_nothing_is_raw(done.stdout, done.stderr, card, *reasons, *reasons.values())
    (red,) = (row for row in good if "red" in row["face"])
    assert red["face"] == rf"afw/{SHOWN}\nfaces: 9_1"
    assert red["image"].endswith(f"AFW/{EVIL}\nfaces: 9_1.jpg")  # what the file is called
    assert f"afw/{SHOWN}_9" in card
    assert f"{SHOWN}_9.pts: expected 68 landmarks, got 67" in done.stdout


def test_a_folder_that_300w_does_not_have_is_refused_before_anything_is_read(project):
    folder = project.root / "data/mixed"
    for name in ("ibug", "holiday"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1_1.jpg").write_bytes(picture())
        (folder / name / "1_1.pts").write_text("\n".join(f"{x} {y}" for x, y in face(0)))
    done = ingest(project, "300w", "mixed")
    assert done.returncode == 1
    assert done.stderr == (
        "ingest: data/mixed: faces lie in holiday, and 300-W has no such folder; expected 300W/01_Indoor, 300W/02_Outdoor, "
        "afw, helen/testset, helen/trainset, ibug, lfpw/testset, lfpw/trainset, at any depth; for faces of your own there is "
        "the reader csv\n"
    )


@pytest.fixture(scope="module")
def faces_csv(project):
    folder = project.root / "data/own"
    (folder / "folder.jpg").mkdir(parents=True)
    names = ["image", *(f"{axis}{k}" for k in range(68) for axis in "xy"), "face", "subsets", "v0"]
    names += ["box_x0", "box_y0", "box_x1", "box_y1"]
    (folder / "1.jpg").write_bytes(picture())
    (folder / "long").mkdir()
    rows = []

    def add(name: str, image: str = "1.jpg", points: np.ndarray | None = None, v0: str = "", box: str = ",,,") -> None:
        numbers = ",".join(map(str, (face(len(rows)) if points is None else points).ravel().tolist()))
        rows.append(f"{image},{numbers},{name},{EVIL} glasses,{v0},{box}")

    for i in range(40):
        (folder / f"a{i}.jpg").write_bytes(picture())
        add(f"good{i}", f"a{i}.jpg", v0=("No", "FALSE", "0.0", "yes", "1")[i % 5], box="5,5,70,70")
    add("too long a name", "x" * 5000 + ".jpg")
    add("too long a field" + "x" * 200_000)
    add("a zero byte", "a\0b.jpg")
    add("a folder", "folder.jpg")
    add("a device", "../../../../../../../../dev/zero")
    add("neither", v0="maybe")
    add("box nan", box="5,5,nan,70")
    add("box huge", box="5,5,1e30,70")
    add("box small", box="5,5,6,6")
    add("box inverted", box="70,70,5,5")
    add("far", points=face(1, m3=[1e30, 1]))
    add("infinite", points=face(1, m3=[1e39, 1]))
    add(EVIL, "missing.jpg")
    (folder / "faces.csv").write_text("\ufeff" + "\n".join([",".join(names), *rows]) + "\n", encoding="utf-8")
    return ingest(project, "csv", "own"), *tables(project)


def test_each_bad_line_of_a_csv_is_rejected_with_its_reason(faces_csv):
    done, good, reasons, _ = faces_csv
    assert done.returncode == 0, done.stderr
    assert {f"good{i}" for i in range(40)} == {row["face"] for row in good}
    assert {name: [False, False, False, True, True][int(name[4:]) % 5] for name in {row["face"] for row in good}} == {
        row["face"]: row["visible"][0] for row in good
    }
    expected = [
        "xxx.jpg: unreadable image: File name too long",
        "faces.csv:43: field larger than field limit (131072)",
        r"a\x00b.jpg: unreadable image: its name leads nowhere",
        "folder.jpg: unreadable image: expected a regular file, got a folder",
        "leads out of the dataset's folder",
        "a landmark is visible (1, true, yes) or hidden (0, false, no), got 'maybe'",
        "the box is not four numbers: 5, 5, nan, 70",
        "box huge: the annotated box is 1e+30 px long in a picture of 80 x 80",
        "box small: the annotated box is 1 px long; at least 4 px are needed",
        "box inverted: the annotated box is -65 px long; at least 4 px are needed",
        "far: a landmark lies 1e+30 px outside its picture",
        "1 landmarks are NaN or infinite, the first is number 3",
        "missing.jpg",
    ]
    found = [reasons[str(line)] for line in range(42, 55)]  # line 1 is the header, 2 to 41 are good
    assert len(expected) == len(reasons)
    assert [] == [(part, reason) for part, reason in zip(expected, found, strict=True) if part not in reason]
    assert max(map(len, reasons.values())) <= 405


def test_names_of_a_csv_reach_neither_the_terminal_nor_the_card_raw(faces_csv):
    done, good, reasons, card = faces_csv
    assert_nothing_is_raw(done.stdout, done.stderr, card, *reasons.values())
    assert {(SHOWN, "glasses")} == {tuple(row["subsets"]) for row in good}
    assert f"<th>{SHOWN}</th>" in card


def test_a_repeated_column_of_a_csv_is_refused(project):
    folder = project.root / "data/twice"
    folder.mkdir(parents=True)
    names = ["image", *(f"{axis}{k}" for k in range(68) for axis in "xy"), "x3"]
    (folder / "faces.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    done = ingest(project, "csv", "twice")
    assert done.returncode == 1
    assert done.stderr == "ingest: data/twice/faces.csv:1: columns that stand there more than once: x3\n"


def test_each_bad_line_of_drawn_faces_is_rejected_with_its_reason(project):
    folder = project.root / "data/drawn"
    (folder / "images").mkdir(parents=True)
    lines = []

    def add(image: str, **changed: object) -> None:
        line = {"image": image, "landmarks": face(len(lines)).tolist(), "visible": [True] * 68}
        lines.append(json.dumps({**line, "subject": f"s{len(lines)}", "subsets": [], **changed}))

    for i in range(40):
        (folder / f"images/{i}.jpg").write_bytes(picture())
        add(f"images/{i}.jpg")
    lines.append("[" * 100_000)
    add("images/\ud800.jpg")
    add("images/1.jpg", subject=5)
    add("images/1.jpg", visible=[True])
    add("images/1.jpg", landmarks=[[10**400, 1]] * 68)
    add("images/1.jpg", landmarks=[[5, 5]] * 68)
    (folder / "ibug68.jsonl").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    done = ingest(project, "synthetic", "drawn")
    assert done.returncode == 0, done.stderr
    good, reasons, _ = tables(project)
    assert 40 == len(good)
    expected = [
        "ibug68.jsonl:41: maximum recursion depth exceeded",
        r"images/\ud800.jpg: unreadable image: its name leads nowhere",
        "ibug68.jsonl:43: image, subject and subsets are texts",
        "ibug68.jsonl:44: expected 68 flags",
        "ibug68.jsonl:45: expected two numbers for each of 68 landmarks",
        "1: box without area",
    ]
    found = list(reasons.values())
    assert [] == [(part, reason) for part, reason in zip(expected, found, strict=True) if part not in reason]


def test_a_linked_folder_in_a_dataset_is_refused_with_the_command_that_mends_it(project, tmp_path):
    lists = project.root / "data/wflw/WFLW_annotations/list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    (lists / "list_98pt_rect_attr_train.txt").write_text("1 2 3\n")
    (tmp_path / "WFLW_images").mkdir()
    (project.root / "data/wflw/WFLW_images").symlink_to(tmp_path / "WFLW_images")
    project.edit("params.yaml", ("scheme: ibug68", "scheme: wflw98"))
    done = ingest(project, "wflw", "wflw")
    assert done.returncode == 1
    assert done.stderr == (
        "ingest: data/wflw has links to folders outside it, whose files are not read: `rm data/wflw/WFLW_images && "
        f"cp -rL {tmp_path}/WFLW_images data/wflw/WFLW_images`\n"
    )


def test_data_with_links_in_it_is_refused_before_anything_is_copied(project, tmp_path):
    (tmp_path / "given/afw").mkdir(parents=True)
    (tmp_path / "given/afw/1_1.jpg").write_bytes(picture())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "given/ibug").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "given/afw/passwd.pts").symlink_to("/etc/passwd")
    before = sorted((project.root / "data").rglob("*"))
    done = project.run("python", "-m", "flows.retrain", "--data", str(tmp_path / "given"), check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"retrain: DATA={tmp_path}/given has links in it, which are not copied; put the real files there: "
        f"`rm {tmp_path}/given/afw/passwd.pts && cp -rL /etc/passwd {tmp_path}/given/afw/passwd.pts`; "
        f"`rm {tmp_path}/given/ibug && cp -rL {tmp_path}/elsewhere {tmp_path}/given/ibug`"
    )
    assert before == sorted((project.root / "data").rglob("*"))
