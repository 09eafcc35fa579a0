"""Drawing a folder: whole or not at all, the same bytes for the same numbers, one sentence for what cannot be."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.schemes import SCHEMES
from pipelines import draw
from pipelines.draw import draw_folder, renderer_hash

FACES = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawn = tmp_path_factory.mktemp("drawn") / "faces"
    assert draw_folder(drawn, FACES, seed=3, size=64, workers=2)
    return drawn


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command as a person types it, in a process group of its own, as a terminal has it."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.draw", str(folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(happened: Callable[[], bool], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def gone(group: int) -> bool:
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def begun(folder: Path) -> bool:
    """Whether a first picture is being drawn."""
    return any((folder.parent / f".{folder.name}.partial" / "images").glob("*.jpg"))


def test_a_folder_holds_pictures_lines_boxes_and_what_it_was_drawn_from(folder: Path) -> None:
    expected = [
        "boxes.csv",
        "drawn.json",
        "ibug68.jsonl",
        *(f"images/{i:06d}.jpg" for i in range(FACES)),
        "wflw98.jsonl",
    ]
    assert sorted(expected) == sorted(contents(folder))
    recipe = {"num_faces": FACES, "seed": 3, "size": 64, "renderer": renderer_hash()}
    assert recipe == json.loads((folder / "drawn.json").read_text())


def test_the_number_of_workers_decides_no_byte(folder: Path, tmp_path: Path) -> None:
    draw_folder(tmp_path / "alone", FACES, seed=3, size=64, workers=1)
    assert contents(folder) == contents(tmp_path / "alone")


def test_a_box_is_the_tight_one_of_the_landmarks_as_the_reader_gives_them(folder: Path) -> None:
    """`preprocess.box: landmarks` takes the least and the greatest x and y of what the reader gives, as float32."""
    reader, scheme = DATASETS["synthetic"], SCHEMES["ibug68"]
    faces = [reader.parse(folder, scheme, record) for record in reader.records(folder, scheme)]
    with (folder / "boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [face.image for face in faces] == [row["image"] for row in rows]
    expected = [[*face.landmarks.min(axis=0), *face.landmarks.max(axis=0)] for face in faces]
    given = [[np.float32(row[side]) for side in ("x0", "y0", "x1", "y1")] for row in rows]
    assert expected == given


def test_the_same_numbers_keep_a_folder_and_others_replace_it(tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    assert draw_folder(faces, 1, seed=0, size=64, workers=1)
    assert not draw_folder(faces, 1, seed=0, size=64, workers=1)
    assert draw_folder(faces, 2, seed=0, size=64, workers=1)
    assert 2 == len((faces / "ibug68.jsonl").read_text().splitlines())
    assert [faces] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_ours_alone_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match=r"mine exists and has no drawn.json, so it was not drawn here"):
        draw_folder(tmp_path / "mine", 1, seed=0, size=64)
    (tmp_path / "mine" / "drawn.json").write_text("{}")
    (tmp_path / "mine" / "overlays").mkdir()
    with pytest.raises(ValueError, match=r"mine would be drawn again, but holds 'overlays', which was not drawn"):
        draw_folder(tmp_path / "mine", 1, seed=0, size=64)
    assert ["drawn.json", "overlays"] == sorted(path.name for path in (tmp_path / "mine").iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--num-faces", "0"), "draw: --num-faces: expected 1 to 1000000, got 0"),
        (("--num-faces", "1000000000"), "draw: --num-faces: expected 1 to 1000000, got 1000000000"),
        (("--size", "63"), "draw: --size: expected 64 to 1024, got 63"),
        (("--size", "100000"), "draw: --size: expected 64 to 1024, got 100000"),
        (("--workers", "0"), "draw: --workers: expected 1 to 256, got 0"),
        (("--seed", "-1"), "draw: --seed: expected 0 to 9223372036854775807, got -1"),
        (("--sheet", "sheet.png"), "draw: expected one of a FOLDER to draw into, --sheet PATH and --video PATH"),
    ],
)
def test_a_number_that_makes_no_sense_is_one_sentence_and_writes_nothing(
    words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    process = start(tmp_path / "faces", *words)
    said, complained = process.communicate(timeout=120)
    assert (1, "", f"{sentence}\n") == (process.returncode, said, complained)
    assert [] == list(tmp_path.iterdir())


def test_a_sheet_s_bounds_are_said_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--rows: expected 1 to 32, got 1000"):
        draw.write_sheet(tmp_path / "sheet.png", "ibug68", seed=0, rows=1000, columns=1)
    assert [] == list(tmp_path.iterdir())


def test_more_faces_than_the_disk_takes_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 1,000,000 x (0.3 bytes x 320 x 320 px + 6,000 bytes) = 36.7 GB."""
    monkeypatch.setattr(draw.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9}))
    with pytest.raises(ValueError, match=r"^1000000 faces of 320 px need about 36.7 GB, and .* has 1.0 GB left: ask"):
        draw_folder(tmp_path / "new" / "faces", 1_000_000, seed=0)
    assert [] == list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file/faces", "n" * 300):
        with pytest.raises(ValueError, match=r"^cannot write .*: (Not a directory|File name too long)$"):
            draw_folder(tmp_path / name, 1, seed=0, size=64)


def test_ctrl_c_leaves_no_half_folder_and_no_process(tmp_path: Path) -> None:
    process = start(tmp_path / "faces", "--num-faces", "5000", "--size", "64")
    wait_until(lambda: begun(tmp_path / "faces"))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and its workers
    _, complained = process.communicate(timeout=60)
    assert 0 != process.returncode
    assert "Traceback" not in complained
    assert [] == list(tmp_path.iterdir())
    wait_until(lambda: gone(process.pid), timeout_s=10)  # multiprocessing's own tracker ends a moment later


def test_workers_end_when_the_command_is_killed_and_the_next_one_draws(tmp_path: Path) -> None:
    process = start(tmp_path / "faces", "--num-faces", "5000", "--size", "64")
    wait_until(lambda: begun(tmp_path / "faces"))
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: gone(process.pid))
    assert not (tmp_path / "faces").exists()
    assert draw_folder(tmp_path / "faces", 1, seed=0, size=64, workers=1)
    assert [tmp_path / "faces"] == list(tmp_path.iterdir())


def test_of_two_at_once_one_draws_and_the_other_says_so(tmp_path: Path) -> None:
    first = start(tmp_path / "faces", "--num-faces", "5000", "--size", "64")
    wait_until(lambda: begun(tmp_path / "faces"))
    second = start(tmp_path / "faces", "--num-faces", "1", "--size", "64")
    _, complained = second.communicate(timeout=60)
    expected = f"draw: {tmp_path / 'faces'} is being drawn by another process: wait until it has ended (process {first.pid}, since "
    assert (1, expected) == (second.returncode, complained[: len(expected)])
    assert begun(tmp_path / "faces")
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=60)


def test_a_dead_worker_ends_the_command_in_one_sentence(tmp_path: Path) -> None:
    process = start(tmp_path / "faces", "--num-faces", "5000", "--size", "64", "--workers", "1")
    wait_until(lambda: begun(tmp_path / "faces"))
    workers = workers_of(process.pid)
    assert 1 == len(workers)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    _, complained = process.communicate(timeout=60)
    expected = "draw: a worker died, perhaps for want of memory: try fewer --workers\n"
    assert (1, expected) == (process.returncode, complained)
    assert [] == list(tmp_path.iterdir())


def workers_of(parent: int) -> list[int]:
    """Processes that a command has spawned to draw."""
    listed = subprocess.run(["ps", "-ww", "-o", "pid=,command=", "--ppid", str(parent)], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def test_the_renderer_s_hash_covers_every_room_and_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hashed(**files: str) -> str:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            path = root / f"{name.replace('_', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(draw.synthetic, "__path__", [str(root)])
        return renderer_hash()

    first = hashed(face="a", paint_skin="b")
    assert first == hashed(paint_skin="b", face="a")
    others = [hashed(face="a", paint_skin="c"), hashed(face="a", paint_hair="b"), hashed(face="ab", paint_skin="")]
    assert 4 == len({first, *others})  # another content, another name, the same bytes parted otherwise
