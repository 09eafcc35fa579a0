"""The quantisation study: floors of faces by a closed form, files that are whole, and wrong input in one sentence."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.codecs import Hih, Subpixel
from components.schemes import SCHEMES
from pipelines.draw import draw_folder
from pipelines.runtime.tables import to_column, write_table
from studies.floors.__main__ import write_floors
from studies.floors.cases import CONTENDERS, Case, all_cases, contender, global_soft_argmax
from studies.floors.faces import Faces, load_faces
from studies.floors.measure import Floors, face_floor, measure_case
from studies.floors.quantisation import ROUNDING, bins_limit
from studies.floors.rows import write_rows
from studies.floors.table import print_table

ROOT = Path(__file__).parents[2]
IBUG = SCHEMES["ibug68"]


def uniform_faces(count: int = 150, expand: float = 1.2) -> Faces:
    """Landmarks uniform in boxes of 50 to 500 px, anywhere; outer eye corners as they fall."""
    rng = np.random.default_rng(0)
    size, corner = rng.uniform(50, 500, (count, 1, 1)), rng.uniform(-100, 2000, (count, 1, 2))
    landmarks = corner + size * rng.uniform(0, 1, (count, 68, 2))
    landmarks[:, 45] = landmarks[:, 36] + size[:, 0] * [0.5, 0]  # a face, not a point, between the eyes
    return Faces(landmarks, IBUG, expand)


@pytest.fixture(scope="module")
def quick_floors() -> Floors:
    """Every case, at few positions."""
    return {case: measure_case(case, uniform_faces(1), num_positions=60) for case in all_cases()}


# Faces.


@pytest.mark.parametrize(
    ("codec", "per_cell"),
    [
        (Subpixel(crop=256, stride=4, sigma=1.5, decoder="argmax"), ROUNDING),
        (Subpixel(crop=256, stride=8, sigma=1.5, decoder="argmax"), ROUNDING),
        (Hih(crop=256, stride=4, sigma=1.5), bins_limit(8)),
        (Hih(crop=256, stride=2, sigma=1.5, decimal=4), bins_limit(4)),
        (Hih(crop=256, stride=4, sigma=1.5, decimal_head="woo", bins="released"), 2 * ROUNDING),
    ],
)
@pytest.mark.parametrize("expand", [1.2, 1.5])
def test_the_nme_of_uniform_landmarks_is_the_closed_form(codec: Subpixel | Hih, per_cell: float, expand: float) -> None:
    faces = uniform_faces(expand=expand)
    # By hand: a cell is expand * longer side / cells image px wide, and the NME is in parts of the eyes' distance.
    sides = np.ptp(faces.landmarks, axis=1).max(axis=1)
    eyes = np.hypot(*(faces.landmarks[:, 45] - faces.landmarks[:, 36]).T)
    expected = per_cell * np.mean(expand * sides / codec.side / eyes)
    # The box's own four landmarks are always in the same place of their cell: hence 2%.
    assert pytest.approx(expected, rel=0.02) == face_floor(Case(codec), faces)


def test_where_faces_are_and_how_large_does_not_matter() -> None:
    faces = uniform_faces(20)
    moved = Faces(3 * faces.landmarks - 700, IBUG, faces.expand)
    case = contender("HIH floor 8 x 8")
    assert pytest.approx(face_floor(case, faces), rel=1e-2) == face_floor(case, moved)


def test_unlabelled_landmarks_do_not_count() -> None:
    faces = uniform_faces(20)
    lost = [10, 20]
    faces.landmarks[:, lost] = np.nan
    kept = Faces(
        np.insert(np.delete(faces.landmarks, lost, axis=1), [10, 19], faces.landmarks[:, [0]], axis=1), IBUG, 1.2
    )
    # Landmark 0 stands for the lost ones and so counts three times: the mean moves by its own errors at most.
    assert pytest.approx(face_floor(contender("argmax"), kept), rel=0.03) == face_floor(contender("argmax"), faces)


def test_real_faces_lie_where_others_measured_them() -> None:
    """Round at 64 cells, crops of 1.2: 1.272% on 300-W full, 1.24% on common (measured by others, PFLD's crop)."""
    folder = ROOT.parent / "shared" / "data" / "300w"
    if not folder.is_dir():
        pytest.skip("no real faces on this machine")
    faces = load_faces(None, "300w", folder, None, "inter_ocular", 1.2, 200)
    assert faces is not None
    # AFW and HELEN-train are other faces of the same benchmark: within 5% of common.
    assert pytest.approx(0.0124, rel=0.05) == face_floor(contender("argmax"), faces)
    assert pytest.approx(0.00179, rel=0.05) == face_floor(contender("HIH released 8 x 8"), faces)


# Cases.


def test_each_case_is_measured_once() -> None:
    cases = all_cases()
    assert len(set(cases)) == len(cases)
    assert {contender(name) for name in CONTENDERS} < set(cases)


def test_a_floor_is_told_apart_by_the_distance_to_the_border() -> None:
    released = measure_case(contender("HIH released 8 x 8"), num_positions=20_000)
    # The released code's border band: 1.40 where both axes are in [0, 5), .99 where one is, .0543 elsewhere.
    np.testing.assert_allclose([1.40, 0.99, 0.0543], [released.corner, released.edge, released.inside], atol=0.01)  # type: ignore[arg-type]
    # By hand: 25 of 4096 cells are corner; of the rest, 2 * 5 * 59 are at the edge, on the low side only.
    shares = np.array([25, 2 * 5 * 59, 59 * 59]) / 64**2
    assert pytest.approx(shares @ [1.40, 0.99, 0.0543], abs=0.01) == released.whole
    assert released.nme is None


def test_what_feels_no_border_has_no_edge_and_what_feels_it_everywhere_no_inside() -> None:
    floor, everywhere = measure_case(contender("HIH floor 8 x 8")), measure_case(global_soft_argmax(2.0))
    assert (None, None) == (floor.edge, floor.corner)
    assert floor.whole == floor.inside == floor.mean
    assert (None, None, None) == (everywhere.inside, everywhere.edge, everywhere.corner)
    assert everywhere.whole == everywhere.mean


# Files.


def test_the_csv_has_a_row_per_case_and_blanks_for_what_decides_nothing(quick_floors: Floors, tmp_path: Path) -> None:
    write_rows(tmp_path / "floors.csv", quick_floors)
    with (tmp_path / "floors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(all_cases()) == len(rows)
    assert all(row["whole_cells"] and row["nme_percent"] for row in rows)
    row = next(row for row in rows if row["decoder"] == "argmax" and row["codec"] == "subpixel")
    assert ("", "", "", "64") == (row["window"], row["temperature"], row["bins"], row["cells"])
    row = next(row for row in rows if row["decimal_head"] == "woo")
    assert ("", "", "released") == (row["decimal"], row["decoder"], row["bins"])


def test_files_are_whole_and_the_same_each_time(quick_floors: Floors, tmp_path: Path) -> None:
    names = ["floors.csv", "floors.md", "floors.png"]
    for folder in ("a", "b"):
        write_floors(quick_floors, "1 face", tmp_path / folder)
        assert names == sorted(path.name for path in (tmp_path / folder).iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert b"\x89PNG" == (tmp_path / "a" / "floors.png").read_bytes()[:4]


def test_without_faces_sizes_are_compared_in_px(quick_floors: Floors, tmp_path: Path) -> None:
    write_floors({case: floor._replace(nme=None) for case, floor in quick_floors.items()}, "", tmp_path)
    assert "px of a 256 px crop" in (tmp_path / "floors.md").read_text(encoding="utf-8")


def test_tables_fit_80_columns_and_cut_nothing_short(quick_floors: Floors, capsys: pytest.CaptureFixture) -> None:
    print_table(quick_floors, "200 faces, ibug68, crops of 1.2 longer sides")
    printed = capsys.readouterr().out
    assert 80 >= max(len(line) for line in printed.splitlines())
    assert "…" not in printed
    assert all(name in printed for name in CONTENDERS)


# Which faces.


def annotations(folder: Path, num_landmarks: int, count: int = 10) -> Path:
    """A table of faces as ingest leaves it, as far as it is read here."""
    landmarks = np.random.default_rng(0).uniform(0, 100, (count, num_landmarks, 2)).astype(np.float32)
    column = to_column(landmarks, pa.list_(pa.float32(), 2 * num_landmarks))
    write_table(pa.table({"landmarks": column}), folder / "annotations.parquet")
    return folder / "annotations.parquet"


def test_a_tables_scheme_is_the_one_with_so_many_landmarks(tmp_path: Path) -> None:
    faces = load_faces(annotations(tmp_path, 98), None, None, None, "inter_ocular", 1.2, 200)
    assert faces is not None
    assert ("wflw98", (10, 98, 2)) == (faces.scheme.name, faces.landmarks.shape)


def test_of_many_faces_some_are_taken_evenly(tmp_path: Path) -> None:
    path = annotations(tmp_path, 68)
    every, some = (load_faces(path, None, None, "ibug68", "inter_ocular", 1.2, count) for count in (200, 4))
    assert every is not None
    assert some is not None
    np.testing.assert_array_equal(every.landmarks[[0, 3, 6, 9]], some.landmarks)


def test_no_faces_are_no_faces() -> None:
    assert load_faces(None, None, None, None, "inter_ocular", 1.2, 200) is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"annotations": "away.parquet"}, "away.parquet"),
        ({"dataset": "nope", "folder": "."}, "unknown dataset 'nope'; known: 300w, "),
        ({"dataset": "300w", "folder": "away"}, "away is not a folder; expected "),
        (
            {"dataset": "300w", "folder": ".", "scheme": "wflw98"},
            "dataset '300w' has no scheme 'wflw98'; known: ibug68",
        ),
        ({"dataset": "csv", "folder": ".", "scheme": "nope"}, "unknown scheme 'nope'; known: "),
        ({"dataset": "300w"}, "--dataset and --folder go together"),
        ({"folder": "."}, "--dataset and --folder go together"),
        ({"annotations": "a.parquet", "dataset": "300w", "folder": "."}, "not from both"),
        ({"expand": 1.0}, "an expand is above 1, .*; got 1, 200"),
        ({"annotations": "a.parquet", "protocol": "nope"}, "unknown protocol 'nope'; known: .*inter_ocular"),
        ({"count": 0}, "at least one face is measured; got 1.2, 0"),
    ],
)
def test_wrong_input_is_named(words: dict, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = {name: Path(words[name]) for name in ("annotations", "folder") if name in words}
    given = {"annotations": None, "dataset": None, "folder": None, "scheme": None, "protocol": "inter_ocular"}
    given |= {"expand": 1.2, "count": 200}
    with pytest.raises(ValueError, match=sentence):
        load_faces(**{**given, **words, **places})  # type: ignore[arg-type]


@pytest.mark.parametrize(("num_landmarks", "scheme"), [(5, None), (68, "wflw98")])
def test_a_table_of_another_markup_is_refused(num_landmarks: int, scheme: str | None, tmp_path: Path) -> None:
    path = annotations(tmp_path, num_landmarks)
    with pytest.raises(ValueError, match=rf"{path}: no scheme .*{num_landmarks} landmarks; known: .*ibug68 \(68\)"):
        load_faces(path, None, None, scheme, "inter_ocular", 1.2, 200)


@pytest.mark.parametrize("table", [pa.table({"face": ["a"]}), pa.table({"landmarks": [[1.0, 2.0]]})])
def test_a_table_that_is_not_of_faces_is_refused(table: pa.Table, tmp_path: Path) -> None:
    write_table(table, tmp_path / "other.parquet")
    with pytest.raises(ValueError, match=r"other\.parquet: expected a row of landmarks per face, as pipelines.ingest"):
        load_faces(tmp_path / "other.parquet", None, None, None, "inter_ocular", 1.2, 200)


def test_the_command_says_what_is_wrong_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "studies.floors", str(tmp_path / "out"), "--annotations", "away.parquet"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 1 == done.returncode
    assert 1 == len(done.stderr.strip().splitlines())
    assert done.stderr.startswith("floors: away.parquet: ")
    assert not (tmp_path / "out").exists()


def test_the_command_measures_two_faces_of_a_dataset_and_writes_its_files(tmp_path: Path) -> None:
    draw_folder(tmp_path / "drawn", num_faces=2, seed=0, size=128, workers=1)
    words = [sys.executable, "-m", "studies.floors", str(tmp_path / "out"), "--dataset", "synthetic"]
    words += [
        "--folder",
        str(tmp_path / "drawn"),
        "--scheme",
        "wflw98",
        "--protocol",
        "box_size",
        "--num-positions",
        "20",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert "floors: of 2 faces: 2 faces, wflw98, crops of 1.2 longer sides, box_size" in done.stdout
    assert ["floors.csv", "floors.md", "floors.png"] == sorted(path.name for path in (tmp_path / "out").iterdir())
    with (tmp_path / "out" / "floors.csv").open(newline="") as file:
        assert len(all_cases()) == len([row for row in csv.DictReader(file) if row["nme_percent"]])
