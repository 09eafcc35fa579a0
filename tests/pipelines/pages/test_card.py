"""The dataset card counts right, needs no other file, and opens no picture outside its folder."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from components.pose import roll_deg, yaw_deg
from components.schemes import IBUG68
from pipelines.pages.card import (
    contact_sheet,
    counts_by_split,
    counts_by_subset,
    landmark_counts,
    subject_counts,
    write_card,
)

HOSTILE = "<script>alert('$x_{')</script>"
K = IBUG68.num_landmarks
NO_REJECTED = pa.table({name: pa.array([], pa.string()) for name in ("face", "image", "reason")})


def flat(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), kind), K * values.shape[-1])


def table(num_faces: int, subsets: list[str] | None = None, name: str = "face") -> pa.Table:
    """Faces of random landmarks, two to a subject, and splits in turn; the first landmark of face 0 is outside."""
    landmarks = np.random.default_rng(0).uniform(20, 100, (num_faces, K, 2)).astype(np.float32)
    inside, visible = np.ones((num_faces, K, 1), bool), np.ones((num_faces, K, 1), bool)
    landmarks[:1, 0], inside[:1, 0], visible[:, 3:5] = (-40, 130), False, False
    return pa.table(
        {
            "face": pa.array([f"{name}_{i:02d}" for i in range(num_faces)], pa.string()),
            "image": pa.array([f"{i % 5}.png" for i in range(num_faces)], pa.string()),
            "width": pa.array([140] * num_faces, pa.int32()),
            "height": pa.array([120] * num_faces, pa.int32()),
            "landmarks": flat(landmarks, pa.float32()),
            "visible": flat(visible, pa.bool_()),
            "inside": flat(inside, pa.bool_()),
            "box": pa.array([None] * num_faces, pa.list_(pa.float32(), 4)),
            "subsets": pa.array([subsets or []] * num_faces, pa.list_(pa.string())),
            "split": pa.array([("train", "train", "test")[i % 3] for i in range(num_faces)], pa.string()),
            "subject": pa.array([f"subject {i // 2}" for i in range(num_faces)], pa.string()),
        }
    )


def rejections(reasons: list[str], name: str = "bad") -> pa.Table:
    faces = [f"{name}_{i:02d}" for i in range(len(reasons))]
    return pa.table({"face": faces, "image": [f"{face}.jpg" for face in faces], "reason": reasons})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for i in range(5):
        shade = np.linspace(40 * i, 40 * i + 80, 140, dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), np.broadcast_to(shade[None, :, None], (120, 140, 3)).copy())
    return folder


def page(path: Path, annotations: pa.Table, rejected: pa.Table, folder: Path) -> str:
    write_card(path, "A card", annotations, rejected, folder, IBUG68, "research only")
    return path.read_text(encoding="utf-8")


def test_the_page_refers_to_nothing_outside_itself(tmp_path: Path, folder: Path) -> None:
    text = page(tmp_path / "card.html", table(30, ["pose"]), rejections(["too dark"]), folder)
    references = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)|url\(([^)]*)\)""", text)
    assert [] == [a or b for a, b in references if not (a or b).startswith(("data:image/jpeg;base64,", "#"))]
    assert [] == re.findall(r"<link|<script|<iframe|@import", text)


def test_the_same_tables_give_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    first, second = (page(tmp_path / f"{i}.html", table(30, ["pose"]), NO_REJECTED, folder) for i in range(2))
    assert first == second
    assert ["0.html", "1.html"] == sorted(path.name for path in tmp_path.iterdir())


def test_hostile_names_and_reasons_are_shown_and_not_run(tmp_path: Path, folder: Path) -> None:
    text = page(tmp_path / "card.html", table(3, [HOSTILE], HOSTILE), rejections([HOSTILE], HOSTILE), folder)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_control_characters_of_names_and_reasons_are_shown_as_escapes(tmp_path: Path, folder: Path) -> None:
    evil, shown = "\x1b[31mred\u202e\nline", r"\x1b[31mred\u202e\nline"
    text = page(tmp_path / "card.html", table(3, [evil], evil), rejections([evil], evil), folder)
    assert not {"\x1b", "\u202e"} & set(text)
    for part in (f"<th>{shown}</th>", f"<td>{shown}_00</td>", f"{shown}_00.jpg", f'alt="{shown}_00 with'):
        assert part in text


@pytest.mark.parametrize("num_faces", [0, 1, 2])
def test_few_faces_no_subsets_and_no_rejections_make_a_page(tmp_path: Path, folder: Path, num_faces: int) -> None:
    text = page(tmp_path / "card.html", table(num_faces), NO_REJECTED, folder)
    assert "No subsets." in text
    assert "no row was rejected" in text


def test_a_dataset_of_test_faces_alone_makes_a_page(tmp_path: Path, folder: Path) -> None:
    rows = table(4, ["private"])
    rows = rows.set_column(rows.schema.get_field_index("split"), "split", pa.array(["test"] * 4))
    text = page(tmp_path / "card.html", rows, NO_REJECTED, folder)
    shares = re.findall(r'<th>(train|val|test)</th><td class="n">(\d+)</td><td class="n">([\d.]+%)</td>', text)
    assert [("train", "0", "0.0%"), ("val", "0", "0.0%"), ("test", "4", "100.0%")] == shares
    assert 4 == text.count("with its landmarks")


def test_rejected_rows_are_counted_by_reason_and_the_first_fifty_listed(tmp_path: Path, folder: Path) -> None:
    text = page(tmp_path / "card.html", table(2), rejections(["truncated"] * 41 + ["no box"] * 19), folder)
    counted = re.findall(r'<td class="n">(\d+)</td><td style="[^"]*">(truncated|no box)</td>', text)
    assert [("41", "truncated"), ("19", "no box")] == counted
    assert ["bad_00", "bad_49"] == [sorted(set(re.findall(r"<td>(bad_\d\d)</td>", text)))[i] for i in (0, -1)]


def test_faces_pictures_and_subjects_are_counted_by_split() -> None:
    # Nine faces: train 0 1 3 4 6 7, test 2 5 8; face i is in picture i % 5 and of subject i // 2.
    expected = {
        "train": {"faces": 6, "pictures": 5, "subjects": 4},
        "val": {"faces": 0, "pictures": 0, "subjects": 0},
        "test": {"faces": 3, "pictures": 3, "subjects": 3},
    }
    assert expected == counts_by_split(table(9))


def test_faces_are_counted_by_subset_and_split() -> None:
    assert {"blur": {"train": 2, "test": 1}, "pose": {"train": 2, "test": 1}} == counts_by_subset(
        table(3, ["pose", "blur"])
    )


def test_subjects_that_are_parted_between_splits_are_counted() -> None:
    # Faces of each subject: 0 1 | 2 3 | 4 5 | 6 7 | 8; train train | test train | train test | ...
    counts = subject_counts(table(9))
    assert (4, 2, 2.0) == (counts["several"], counts["parted"], counts["median"])
    assert ("subject 0", 2) == counts["most"][0]


def test_landmarks_outside_and_hidden_are_counted_with_their_faces() -> None:
    assert {"outside the picture": (1, 1), "hidden": (8, 4), "without a position": (0, 0)} == landmark_counts(table(4))


def without_position(num_faces: int) -> pa.Table:
    """Faces whose landmarks 0 and 36, a corner of the right eye, have no position."""
    rows = table(num_faces)
    landmarks = rows["landmarks"].combine_chunks().flatten().to_numpy().copy().reshape(num_faces, K, 2)
    inside = np.ones((num_faces, K, 1), bool)
    landmarks[:, [0, 36]], inside[:, [0, 36]] = np.nan, False
    for name, values, kind in (("landmarks", landmarks, pa.float32()), ("inside", inside, pa.bool_())):
        rows = rows.set_column(rows.schema.get_field_index(name), name, flat(values, kind))
    return rows


def test_landmarks_without_a_position_are_counted_apart_from_those_outside() -> None:
    counts = landmark_counts(without_position(3))
    assert ((0, 0), (6, 3)) == (counts["outside the picture"], counts["without a position"])


def test_faces_with_landmarks_without_a_position_make_a_page(tmp_path: Path, folder: Path) -> None:
    assert 3 == page(tmp_path / "card.html", without_position(3), NO_REJECTED, folder).count("with its landmarks")


def test_the_page_says_how_much_of_the_benchmark_is_here(tmp_path: Path, folder: Path) -> None:
    def text(compared: list) -> str:
        path = tmp_path / "card.html"
        write_card(path, "A card", table(2), NO_REJECTED, folder, IBUG68, "research only", compared=compared)
        return path.read_text(encoding="utf-8")

    partial = text([("train", 1207, 3148), ("common", 0, 554)])
    assert "A partial copy" in partial
    assert re.search(r"<th>train</th><td[^>]*>1,207</td><td[^>]*>3,148</td>", partial)
    assert "A complete copy" in text([("train", 3148, 3148)])
    assert "copy" not in text([])


def test_pictures_are_read_the_datasets_own_way(folder: Path) -> None:
    def read(root: Path, name: str) -> np.ndarray:
        asked.append((root, name))
        return np.zeros((120, 140, 3), np.uint8)

    asked: list[tuple[Path, str]] = []
    contact_sheet(table(2), folder, IBUG68, read)
    assert [(folder, "0.png"), (folder, "1.png")] == asked


def test_the_contact_sheet_is_evenly_spread_over_the_rows(folder: Path) -> None:
    shown = [tile["face"] for tile in contact_sheet(table(70), folder, IBUG68)]
    # By hand: row 3 i of 24 rows 0, 3, 6, .. 69.
    assert [f"face_{3 * i:02d}" for i in range(24)] == shown


@pytest.mark.parametrize("image", ["../secret.png", "/etc/hostname", "missing.png"])
def test_a_picture_outside_the_folder_or_missing_is_refused_by_name(folder: Path, image: str) -> None:
    cv2.imwrite(str(folder.parent / "secret.png"), np.zeros((120, 140, 3), np.uint8))
    row = table(1)
    row = row.set_column(row.schema.get_field_index("image"), "image", pa.array([image]))
    with pytest.raises(ValueError, match=re.escape(image)):
        contact_sheet(row, folder, IBUG68)


@pytest.mark.parametrize("yaw", [-60, -25, 0, 10, 45])
def test_the_yaw_of_a_turned_head_is_recovered(yaw: float) -> None:
    # MediaPipe's canonical face: outer eye corners, tip of the nose; cm, x to the picture's right, z to the camera.
    head = {36: (-4.446, 3.173), 45: (4.446, 3.173), 30: (0.0, 7.476)}
    landmarks = np.zeros((1, K, 2), np.float32)
    for k, (x, z) in head.items():
        landmarks[0, k, 0] = 50 + 9 * (x * np.cos(np.deg2rad(yaw)) + z * np.sin(np.deg2rad(yaw)))
    np.testing.assert_allclose(yaw_deg(landmarks, IBUG68), [yaw], atol=0.1)


def test_the_yaw_is_not_a_number_where_the_eye_corners_coincide() -> None:
    assert [True] == np.isnan(yaw_deg(np.zeros((1, K, 2), np.float32), IBUG68)).tolist()


def test_roll_is_positive_clockwise_as_seen() -> None:
    landmarks = np.zeros((1, K, 2), np.float32)
    landmarks[0, 45] = (10, 10)  # the corner on the picture's right lies lower: y points down
    np.testing.assert_allclose(roll_deg(landmarks, IBUG68), [45.0], atol=1e-5)
