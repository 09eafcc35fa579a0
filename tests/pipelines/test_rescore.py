"""One file of predictions under every protocol that fits."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from components.metrics import PROTOCOLS
from components.schemes import SCHEMES
from pipelines.rescore import load_predictions, rescore, rescore_faces
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import optional_boxes, to_column, with_note, write_table
from pipelines.scoring.table import cells, grouped, markdown, rows_of, terminal_table

SUBSETS = [["common"], ["challenge"], ["private"]]


def table(
    scheme: str = "ibug68", subsets: list[list[str]] | None = None, num_faces: int = 30, boxes: bool = False
) -> pa.Table:
    """Faces 100 px wide and high, the eyes 50 px apart; every landmark of face i is predicted i / 10 px too far right."""
    k = SCHEMES[scheme].num_landmarks
    truth = np.random.default_rng(0).uniform(20, 80, (num_faces, k, 2))
    right, left = SCHEMES[scheme].inter_ocular
    truth[:, [right, left]] = [[30, 40], [80, 40]]
    corners = [landmark for landmark in range(k) if landmark not in (right, left)][:2]
    truth[:, corners] = [[0, 0], [100, 100]]
    predicted = truth + np.arange(num_faces)[:, None, None] / 10 * [1.0, 0.0]
    annotated = np.tile([0.0, 0.0, 90.0, 160.0], (num_faces, 1)) if boxes else np.full((num_faces, 4), np.nan)
    given = [(subsets or SUBSETS)[i % len(subsets or SUBSETS)] for i in range(num_faces)]

    def flat(values: np.ndarray) -> pa.Array:
        return to_column(values.reshape(num_faces, -1).astype(np.float32), pa.list_(pa.float32(), values[0].size))

    return pa.table(
        {
            "face": [f"face_{i}" for i in range(num_faces)],
            "subsets": pa.array(given, pa.list_(pa.string())),
            "landmarks": flat(truth),
            "predicted": flat(predicted),
            "annotated_box": flat(annotated),
        }
    )


def written(path: Path, rows: pa.Table, dataset: str = "300w", scheme: str = "ibug68", box: str = "landmarks") -> Path:
    write_table(with_note(rows, dataset=dataset, scheme=scheme, box=box), path)
    return path


def rows_by(path: Path) -> dict[tuple[str, str], dict]:
    """Protocol and subset -> row, of what rescoring writes."""
    return {(row["protocol"], row["subset"]): row for row in json.loads(path.read_text())["rows"]}


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    return written(tmp_path / "errors.parquet", table())


def test_every_protocol_either_measures_or_says_why_not(errors: Path) -> None:
    results, left_out = rescore_faces(load_predictions(errors))
    assert sorted(PROTOCOLS) == sorted([*(metrics["protocol"]["name"] for metrics in results), *left_out])


def test_figures_of_all_and_of_each_subset_by_hand(errors: Path, tmp_path: Path) -> None:
    rescore(errors, tmp_path / "out")
    rows = rows_by(tmp_path / "out" / "rescored.json")
    # Faces 0, 3, ..., 27 are common; 1, 4, ..., 28 challenge: a mean of 1.35 and of 1.45 px over 50 px between the eyes.
    assert (10, pytest.approx(0.027)) == (rows["300w", "common"]["num_faces"], rows["300w", "common"]["nme"])
    assert (10, pytest.approx(0.029)) == (rows["300w", "challenge"]["num_faces"], rows["300w", "challenge"]["nme"])
    # Full is both; without a failure the AUC is 1 - 0.028 / 0.1.
    full = rows["300w", ""]
    assert (20, pytest.approx(0.028), 0.0) == (full["num_faces"], full["nme"], full["failure_rate"])
    assert pytest.approx(0.72) == full["auc"]
    # STAR's threshold is 0.05, 2.5 px: of the 20 faces of 300-W, 27 and 28 are above, and 25 is at it.
    assert pytest.approx(0.1) == rows["300w_star", ""]["failure_rate"]
    # The landmarks' box is 100 by 100 px; private are 2, 5, ..., 29: 1.55 px.
    assert pytest.approx(0.0155) == rows["300w_private", ""]["nme"]
    assert pytest.approx(0.0145) == rows["box_size", ""]["nme"]


def test_stretched_and_annotated_boxes_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path / "e.parquet", table("wflw98", [["pose"], []], boxes=True), "wflw", "wflw98")
    rescore(path, tmp_path)
    rows = rows_by(tmp_path / "rescored.json")
    # Errors and the eye distance are both along x here, so that stretching changes neither: 1.45 / 50 px.
    for name in ("wflw", "wflw_hih_square", "wflw_hih_stretched", "wflw_pipnet", "wflw_pipnet_gssl"):
        assert pytest.approx(0.029) == rows[name, ""]["nme"]
    turned = table("wflw98", [["pose"], []], boxes=True)
    points = turned.column("predicted").combine_chunks().flatten().to_numpy().reshape(30, -1, 2)
    truth = turned.column("landmarks").combine_chunks().flatten().to_numpy().reshape(30, -1, 2)
    down = to_column(truth + (points - truth)[..., ::-1], turned.schema.field("predicted").type)
    rescore(written(path, turned.set_column(3, "predicted", down), "wflw", "wflw98"), tmp_path)
    rows = rows_by(tmp_path / "rescored.json")
    # Errors along y. Landmarks and corners make a box of 100 by 160 px: 0.029 * 100 / 160. PIPNet's is 90 by 160,
    # widened by 1.2 on both sides, or on one.
    assert pytest.approx(0.029) == rows["wflw", ""]["nme"]
    assert pytest.approx(0.029 * 100 / 160) == rows["wflw_hih_stretched", ""]["nme"]
    assert pytest.approx(0.029 * 90 / 160) == rows["wflw_pipnet", ""]["nme"]
    assert pytest.approx(0.029 * 108 / 160) == rows["wflw_pipnet_gssl", ""]["nme"]


def test_aflw_by_its_own_box(tmp_path: Path) -> None:
    faces = table("aflw19", [["full", "frontal"], ["full"]], boxes=True)
    rescore(written(tmp_path / "e.parquet", faces, "aflw19", "aflw19", "annotated"), tmp_path)
    rows = rows_by(tmp_path / "rescored.json")
    # By hand: 90 by 160 px are 120 px in size, and sqrt(33700) px in diagonal; frontal are 0, 2, ..., 28: 1.4 px.
    assert pytest.approx(1.45 / 120) == rows["aflw19_box", "full"]["nme"]
    assert pytest.approx(1.4 / 120) == rows["aflw19_box", "frontal"]["nme"]
    assert pytest.approx(1.45 / 33700**0.5) == rows["aflw19_diagonal", ""]["nme"]


def test_csv_json_and_markdown_say_the_same_and_name_the_predictions(errors: Path, tmp_path: Path) -> None:
    rescore(errors, tmp_path / "out")
    page = json.loads((tmp_path / "out" / "rescored.json").read_text())
    with (tmp_path / "out" / "rescored.csv").open(newline="") as file:
        assert [{name: str(value) for name, value in row.items()} for row in page["rows"]] == list(csv.DictReader(file))
    sha = hashlib.sha256(errors.read_bytes()).hexdigest()
    assert {"sha256": sha, "dataset": "300w", "scheme": "ibug68", "box": "landmarks"} == page["errors"]
    assert all(row["hash"] == PROTOCOLS[row["protocol"]].hash for row in page["rows"])
    assert all(row["nme_low"] <= row["nme"] <= row["nme_high"] for row in page["rows"])
    assert set(page["audit"]) == {row["protocol"] for row in page["rows"]}
    assert all("figures are the faces'" in checked for checked in page["audit"].values())
    lines = (tmp_path / "out" / "rescored.md").read_text().splitlines()
    assert len(page["rows"]) == sum(line.startswith(("| **", "| &emsp;")) for line in lines)
    assert "| **300w** | 20 | 2.80 | " in "\n".join(lines)


def test_what_does_not_fit_is_left_out_with_its_reason(tmp_path: Path) -> None:
    partly = table(boxes=True)
    boxes = [None if i == 3 else [0.0, 0, 9, 9] for i in range(30)]
    column = to_column(
        optional_boxes(pa.table({"box": pa.array(boxes, pa.list_(pa.float32()))}), "box"), pa.list_(pa.float32(), 4)
    )
    _, left_out = rescore_faces(
        load_predictions(written(tmp_path / "e.parquet", partly.set_column(4, "annotated_box", column)))
    )
    assert {
        "300w_hih_stretched": "needs the annotated box; 1 of 20 faces have none",
        "aflw19_box": "for scheme aflw19",
        "cofw68": "for dataset cofw68",
        "inter_ocular_annotated": "for crops around the annotated box",
        "merl_rav": "no face in frontal or half_profile or profile",
        "wflw": "for scheme wflw98",
    }.items() <= left_out.items()


def test_a_normaliser_that_some_faces_do_not_have_is_a_reason(tmp_path: Path) -> None:
    faces = table(subsets=[["frontal"], ["profile"]])
    points = faces.column("landmarks").combine_chunks().flatten().to_numpy().reshape(30, 68, 2).copy()
    points[1, 36:42] = np.nan  # its right eye is hidden by its face
    column = to_column(points, faces.schema.field("landmarks").type)
    path = written(tmp_path / "e.parquet", faces.set_column(2, "landmarks", column), "merl_rav")
    rescore(path, tmp_path)
    rows, page = rows_by(tmp_path / "rescored.json"), json.loads((tmp_path / "rescored.json").read_text())
    assert "no inter_ocular in 1 of 30 faces" == page["left_out"]["inter_ocular"]
    # By hand: the mean of the labelled landmarks of face 1 is 0.1 px too, divided by all it is 62 / 68 of that.
    assert pytest.approx(0.0145) == rows["merl_rav", ""]["nme"]
    assert pytest.approx((0.0145 * 30 - 0.001 * 6 / 68) / 30) == rows["merl_rav_luvli", ""]["nme"]
    assert "mean of landmarks" not in page["audit"]["merl_rav"]


def test_a_landmark_that_was_not_predicted_is_refused(tmp_path: Path) -> None:
    faces = table()
    points = faces.column("predicted").combine_chunks().flatten().to_numpy().copy()
    points[5] = np.nan
    column = to_column(points, faces.schema.field("predicted").type)
    path = written(tmp_path / "e.parquet", faces.set_column(3, "predicted", column))
    with pytest.raises(ValueError, match=r"1 of 20 faces are not predicted \(NaN\); the first is row 0"):
        rescore(path, tmp_path)
    assert ["e.parquet"] == [file.name for file in tmp_path.iterdir()]


def test_the_terminals_table_keeps_to_80_columns(tmp_path: Path) -> None:
    named = [["a subset with a name that is much too long for a table"], ["[red]x"]]
    results, _ = rescore_faces(load_predictions(written(tmp_path / "e.parquet", table(subsets=named))))
    console = Console(width=80, file=(tmp_path / "out").open("w"), highlight=False)
    console.print(terminal_table(list(rows_of(results))))
    console.file.close()
    lines = (tmp_path / "out").read_text().splitlines()
    # A row per line: a heading, three general protocols of all faces and of two subsets each.
    assert 1 + 3 * 3 == len(lines)
    assert max(map(len, lines)) <= 80
    assert "  [red]x" in {line[:8] for line in lines}


def test_reasons_are_told_once() -> None:
    assert {"far": ["a", "c"], "odd": ["b"]} == grouped({"a": "far", "b": "odd", "c": "far"})


def test_a_bar_in_a_name_does_not_break_the_markdown(errors: Path) -> None:
    results, left_out = rescore_faces(load_predictions(errors))
    rows = [{**row, "subset": row["subset"] and "a|b"} for row in rows_of(results)]
    lines = markdown(rows, left_out).splitlines()
    assert {8} == {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace_schema_metadata(None), "written by an older pipelines.evaluate (it does not say its scheme): evaluate again"),
        (lambda t: t.drop_columns(["annotated_box"]), "written by an older pipelines.evaluate (no column annotated_box): evaluate again"),
        (lambda t: t.drop_columns(["predicted"]), "not an errors.parquet of pipelines.evaluate: no column predicted"),
        (lambda t: with_note(t, dataset="x", scheme="ours", box="landmarks"), "unknown scheme 'ours'; known: aflw19, cofw29, ibug68, wflw98"),
        (lambda t: with_note(t, dataset="x", scheme="wflw98", box="landmarks"), "scheme wflw98 has 98 landmarks, the file 68"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_say_what_it_holds_is_refused(errors: Path, change, message: str) -> None:
    write_table(change(pq.read_table(errors)), errors)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{errors}: {message}')}$"):
        load_predictions(errors)


def test_a_missing_file_and_one_that_is_no_parquet_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'none'))}: no such file; .* writes one$"):
        load_predictions(tmp_path / "none")
    (tmp_path / "text").write_text("not Parquet")
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'text'))}: "):
        load_predictions(tmp_path / "text")


def test_no_faces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no faces to measure"):
        rescore_faces(load_predictions(written(tmp_path / "e.parquet", table().slice(0, 0))))


def command(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    call = ["-c", code, *words] if code else ["-m", "pipelines.rescore", *words]
    return subprocess.run([sys.executable, *call], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_writes_beside_the_file_and_prints_the_table(errors: Path) -> None:
    done = command(str(errors))
    assert (0, "") == (done.returncode, done.stderr)
    assert {"errors.parquet", "rescored.csv", "rescored.json", "rescored.md"} == {
        f.name for f in errors.parent.iterdir()
    }
    assert re.search(r"^300w +20 +2\.80 ", done.stdout, re.MULTILINE)
    assert "left out: cofw68: for dataset cofw68" in done.stdout


def test_a_command_without_a_file_is_told_so() -> None:
    done = command()
    assert 2 == done.returncode
    assert "missing argument 'errors'" in done.stderr.lower()


def test_rescoring_takes_neither_torch_nor_ray(errors: Path) -> None:
    code = "import sys; from pathlib import Path; from pipelines import rescore; rescore.main(Path(sys.argv[1])); "
    code += "print({'torch', 'ray', 'mlflow', 'matplotlib'} & set(sys.modules))"
    assert "set()" == command(str(errors), code=code).stdout.splitlines()[-1]


def test_a_subset_with_control_characters_is_shown_as_escapes() -> None:
    numbers = {"num_faces": 3, "nme": 0.1, "nme_low": 0.1, "nme_high": 0.1, "failure_rate": 0.0, "auc": 0.5}
    row = {
        "protocol": "wflw",
        "subset": "\x1b[31mred\n",
        "failure_threshold": 0.1,
        "auc_threshold": 0.1,
        "hash": "0",
        **numbers,
    }
    assert r"\x1b[31mred\n" == cells(row)[0]
    assert r"&emsp;\x1b[31mred\n |" in markdown([row], {})


def test_predictions_that_average_the_mirror_image_keep_apart_from_plain_ones(tmp_path: Path) -> None:
    facts = {"dataset": "300w", "scheme": "ibug68", "box": "landmarks", "mirrored": "yes"}
    write_table(with_note(table(), **facts), tmp_path / "errors.parquet")
    rescore(tmp_path / "errors.parquet", tmp_path)
    rows = rows_by(tmp_path / "rescored.json")
    assert {name for name, _ in rows if not name.endswith("_mirrored")} == set()
    # The same errors as above, under a name and a hash of their own.
    assert pytest.approx(0.028) == rows["300w_mirrored", ""]["nme"]
    assert PROTOCOLS["300w"].hash != rows["300w_mirrored", ""]["hash"]
