"""A face that is nearly one of another dataset, across the split, is refused by name."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.samples import Annotation
from pipelines.draw import draw_folder
from pipelines.new_data import faces
from pipelines.new_data.faces import Faces, faces_of
from pipelines.new_data.hashes import BYTES
from pipelines.new_data.twins import count_known, nearest_parted, pairs, refuse_twins
from pipelines.splits import assign_splits

SHARES = (0.2, 0.25)  # tiny.yaml's, of validation and test subjects


def split(subject: str) -> str:
    return assign_splits([subject], [None], *SHARES)[0]


def subject_in(wanted: str) -> str:
    """A subject whose faces fall into a split."""
    return next(name for name in (f"new{i}" for i in range(100)) if split(name) == wanted)


def rows_in(drawn: Path, wanted: str) -> list[int]:
    lines = [json.loads(line) for line in (drawn / "ibug68.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row for row, face in enumerate(lines) if split(face["subject"]) == wanted]


def as_subject(name: str):
    """A smaller copy of a face, of somebody else by name."""

    def change(face: dict, pixels: np.ndarray) -> np.ndarray:
        face["subject"] = name
        face["landmarks"] = ((np.array(face["landmarks"]) + 0.5) / 2 - 0.5).tolist()
        return cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    return change


def test_strangers_come_in(drawn, two, tmp_path):
    draw_folder(tmp_path / "new", 20, seed=5, size=128)
    said = refuse_twins(two, {"old": drawn, "new": tmp_path / "new"})
    assert ["twins: none across the split among 20 faces of new, 40 faces of old; 0 have one within it"] == said


def test_a_copy_that_would_be_measured_is_refused_with_its_twin_that_trains(drawn, two, tmp_path, copy):
    row = rows_in(drawn, "train")[0]
    copy(tmp_path / "new", [row], as_subject(subject_in("test")))
    pattern = (
        rf"a face is nearly another across the split, .*: new/copy{row} \(test\) is nearly old/0000{row:02} "
        rf"\(train\), \d+ of 256 bits apart\. Look at \.state/twins/tiny\.jpg, and take those"
    )
    with pytest.raises(ValueError, match=pattern):
        refuse_twins(two, {"new": tmp_path / "new", "old": drawn})
    place = tmp_path / ".state/twins"
    with (place / "tiny.csv").open() as file:
        (found,) = csv.DictReader(file)
    assert (f"new/copy{row}", "test", f"old/0000{row:02}", "train", "no") == tuple(
        found[name] for name in ("new", "new_split", "other", "other_split", "mirrored")
    )
    assert cv2.imread(str(place / "tiny.jpg")).shape[1] > 300


def test_a_copy_in_its_twins_own_split_only_repeats_it(drawn, two, tmp_path, copy):
    copy(tmp_path / "new", rows_in(drawn, "train")[:2], as_subject(subject_in("train")))
    (said,) = refuse_twins(two, {"new": tmp_path / "new", "old": drawn})
    assert said.endswith("; 2 have one within it")


def test_a_mirror_image_is_a_twin(drawn, two, tmp_path, copy):
    name = subject_in("val")

    def mirror(face: dict, pixels: np.ndarray) -> np.ndarray:
        face["subject"] = name
        face["landmarks"] = (np.array([127, 0]) + np.array(face["landmarks"]) * [-1, 1]).tolist()
        return np.ascontiguousarray(pixels[:, ::-1])

    row = rows_in(drawn, "train")[3]
    copy(tmp_path / "new", [row], mirror)
    with pytest.raises(ValueError, match=rf"new/copy{row} \(val\) is nearly the mirror image of old/"):
        refuse_twins(two, {"new": tmp_path / "new", "old": drawn})


def test_twins_within_the_folder_that_is_brought_are_refused_too(drawn, two, tmp_path, copy):
    draw_folder(tmp_path / "data/old", 4, seed=5, size=128)
    row = rows_in(drawn, "train")[0]
    copy(tmp_path / "new", [row, row], as_subject(subject_in("train")))
    lines = (tmp_path / "new/ibug68.jsonl").read_text().splitlines()
    again = {**json.loads(lines[1]), "image": "images/again.jpg", "subject": subject_in("test")}
    (tmp_path / "new/images/again.jpg").write_bytes((tmp_path / f"new/images/copy{row}.jpg").read_bytes())
    (tmp_path / "new/ibug68.jsonl").write_text(f"{lines[0]}\n{json.dumps(again)}\n")
    with pytest.raises(ValueError, match=rf"new/copy{row} \(train\) is nearly new/again \(test\), 0 of 256"):
        refuse_twins(two, {"new": tmp_path / "new"})


def test_of_a_dataset_that_only_trains_all_faces_train_and_are_compared(drawn, two, tmp_path, copy):
    only = two.datasets["new"].model_copy(update={"held_out": False})
    params = two.model_copy(update={"datasets": {**two.datasets, "new": only}})
    row = rows_in(drawn, "test")[0]
    copy(tmp_path / "new", [row], as_subject(subject_in("test")))
    with pytest.raises(ValueError, match=rf"new/copy{row} \(train\) is nearly old/\d+ \(test\)"):
        refuse_twins(params, {"new": tmp_path / "new", "old": drawn})


def test_one_dataset_alone_has_nothing_beside_it(drawn, two):
    alone = two.model_copy(update={"datasets": {"old": two.datasets["old"]}})
    assert [] == refuse_twins(alone, {"old": drawn})


def test_new_faces_of_which_one_is_nearly_a_training_face_are_counted_where_the_data_lies(drawn, two, tmp_path, copy):
    alone = two.model_copy(update={"datasets": {"old": two.datasets["old"]}})
    rows = [*rows_in(drawn, "train")[:2], rows_in(drawn, "val")[0], rows_in(drawn, "test")[0]]
    new = copy(tmp_path / "new", rows, as_subject("anybody"))
    assert count_known(new, "old", alone) is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data/old").symlink_to(drawn)
    assert 3 == count_known(new, "old", alone)  # the face that is tested was not learnt from
    assert 3 == count_known(new, "new", two)  # data/new is not there before it is brought
    assert count_known(new, "old", two) is None  # but it is missing to know what was trained on it


def test_a_picture_is_opened_once_and_again_only_when_it_has_changed(two, tmp_path, copy):
    folder = copy(tmp_path / "old", [0, 1, 2], lambda face, pixels: pixels)
    first = faces_of("old", folder, two)
    with closing(sqlite3.connect(faces.KEPT)) as kept, kept:
        kept.execute("UPDATE hashes SET hash = ?", (bytes(2 * BYTES),))  # so that what is not opened again is seen
    assert [0, 0, 0] == faces_of("old", folder, two).hashes.sum(axis=1).tolist()
    os.utime(folder / "images/copy1.jpg", ns=(1, 1))
    assert [True, False, True] == (faces_of("old", folder, two).hashes.sum(axis=1) == 0).tolist()
    assert first.hashes[1].tolist() == faces_of("old", folder, two).hashes[1].tolist()


def test_workers_find_what_this_process_finds(drawn, two, monkeypatch):
    alone = faces_of("old", drawn, two)
    faces.KEPT.unlink()
    monkeypatch.setattr(faces, "AT_ONCE", 15)
    assert alone.hashes.tolist() == faces_of("old", drawn, two).hashes.tolist()
    assert 40 == len(alone.annotations)


def test_a_face_that_cannot_be_read_is_left_to_ingest(two, tmp_path, copy):
    folder = copy(tmp_path / "old", [0, 1, 2], lambda face, pixels: pixels)
    (folder / "images/copy0.jpg").write_bytes(b"no picture")
    (folder / "images/copy2.jpg").unlink()
    for _ in range(2):  # the second time it is known
        assert ["copy1"] == [face.face for face in faces_of("old", folder, two).annotations]


def test_of_many_twins_the_nearest_in_another_split_is_named():
    zero, one, two_bits = (np.packbits(np.arange(256) < count) for count in (0, 1, 2))
    far = np.full(BYTES, 0b01010101, np.uint8)

    def of(name: str, splits: list[str], *hashes: np.ndarray) -> Faces:
        marks = np.zeros((1, 2), np.float32)
        annotations = [Annotation(f"{i}", f"{i}.jpg", marks, np.ones(1, bool), f"{i}") for i in range(len(hashes))]
        stacked = np.stack(hashes)
        return Faces(name, Path(name), "csv", annotations, splits, stacked, np.broadcast_to(far, stacked.shape))

    ours = of("new", ["train", "test"], zero, far)
    theirs = of("old", ["train", "val", "test"], zero, two_bits, one)
    found = nearest_parted(ours, theirs, pairs(ours, theirs))
    # The first's are 0 (its own split), 2 and 1 bits away; the second's mirror image is the second itself.
    assert ["new/0 (train) is nearly old/2 (test), 1 of 256 bits apart"] == [str(pair) for pair in found]
    ours = of("new", ["train", "val", "train"], zero, one, two_bits)
    within = nearest_parted(ours, ours, pairs(ours, ours))
    assert [("0", "1", 1), ("1", "2", 1)] == [
        (pair.one.annotation.face, pair.other.annotation.face, pair.bits) for pair in within
    ]
