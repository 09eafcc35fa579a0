"""The report says what the metrics say, needs no other file, and is the same bytes for the same numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.schemes import IBUG68
from pipelines.pages.plots import THEME, ced_figure, face_figure, inline_svg
from pipelines.pages.report import galleries, landmark_groups, mean_shape, write_report

HOSTILE = "<script>alert('$x_{')</script>"
K = IBUG68.num_landmarks


OF_SUBSET = {"failure_rate_interval": [0.0123, 0.0987], "auc_interval": [0.5551, 0.6665]}
CURVES = {
    name: np.array(values)
    for name, values in {"epoch": [1.0, 2, 3], "loss": [5.0, 4, 3], "val_nme": [0.06, 0.03, 0.04]}.items()
}


def flat(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).ravel()), values[0].size)


def table(num_faces: int, subsets: list[list[str]] | None = None, name: str = "face") -> pa.Table:
    """Random faces around (60, 60); face i has an NME of i per cent."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 100, (num_faces, K, 2))
    errors = np.repeat(0.01 * np.arange(num_faces)[:, None] * 80.0, K, axis=1)
    return pa.table(
        {
            "face": [f"{name}_{i:02d}" for i in range(num_faces)],
            "image": [f"{name}_{i:02d}.jpg" for i in range(num_faces)],
            "subject": [str(i) for i in range(num_faces)],
            "subsets": pa.array(subsets or [[]] * num_faces, pa.list_(pa.string())),
            "nme": pa.array(0.01 * np.arange(num_faces), pa.float32()),
            "normaliser": pa.array([80.0] * num_faces, pa.float32()),
            "landmarks": flat(truth),
            "predicted": flat(truth + errors[..., None] * [1.0, 0.0]),
            "errors": flat(errors),
            "confidence": flat(rng.uniform(0, 1, (num_faces, K))),
        }
    )


def metrics(num_faces: int, subsets: tuple[str, ...] = ()) -> dict:
    numbers = {"nme": 0.0341, "nme_interval": [0.0329, 0.0352], "failure_rate": 0.0507, "auc": 0.6123}
    return {
        "protocol": {
            "name": "ours",
            "hash": "3fa9c1d2",
            "normaliser": "inter_ocular",
            "failure_threshold": 0.08,
            "auc_threshold": 0.08,
            "box": "landmarks",
        },
        "scheme": "ibug68",
        "num_faces": num_faces,
        **numbers,
        "failure_rate_interval": [0.0411, 0.0622],
        "auc_interval": [0.6011, 0.6244],
        "subsets": {name: {"num_faces": 1234, **numbers, "nme": 0.0777, **OF_SUBSET} for name in subsets},
        "landmarks": {name: 0.02 + 0.0001 * k for k, name in enumerate(IBUG68.names)},
    }


def pictures(face: str) -> tuple[np.ndarray, np.ndarray]:
    """A crop at twice the picture's size."""
    return np.full((240, 240, 3), 128, np.uint8), np.array([[2.0, 0, 0.5], [0, 2.0, 0.5]])


def page(path: Path, rows: pa.Table, subsets: tuple[str, ...] = (), facts: dict[str, str] | None = None) -> str:
    said = facts or {"git commit": "0f3c9e1a"}
    write_report(path, "A report", metrics(rows.num_rows, subsets), rows, pictures, said, curves=CURVES)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("report") / "report.html", table(30, [["pose"]] * 30), ("pose",))


@pytest.mark.parametrize(
    "shown",
    [
        "3.41%",
        "3.29% – 3.52%",
        "5.07%",
        "4.11% – 6.22%",
        "61.23%",
        "60.11% – 62.44%",
        "7.77%",
        "1.23% – 9.87%",
        "55.51% – 66.65%",
        "1,234",
        "pose",
        "3fa9c1d2",
        "git commit",
        "0f3c9e1a",
        "ibug68",
        "inter_ocular",
        "landmarks",
    ],
)
def test_the_page_shows_each_number_and_fact(ordinary: str, shown: str) -> None:
    assert shown in ordinary


def test_the_page_refers_to_nothing_outside_itself(ordinary: str) -> None:
    references = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)|url\(([^)]*)\)""", ordinary)
    assert [] == [a or b for a, b in references if not (a or b).startswith(("data:image/jpeg;base64,", "#"))]
    assert [] == re.findall(r"<link|<script|<iframe|@import", ordinary)


def test_ids_are_unique_on_the_page_and_references_to_them_hold(ordinary: str) -> None:
    ids = re.findall(r' id="([^"]+)"', ordinary)
    assert len(set(ids)) == len(ids)
    assert set() == set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', ordinary)) - {(i, "") for i in ids} - {
        ("", i) for i in ids
    }


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, ordinary: str) -> None:
    assert ordinary == page(tmp_path / "again.html", table(30, [["pose"]] * 30), ("pose",))
    assert ["again.html"] == [path.name for path in tmp_path.iterdir()]


def test_hostile_names_are_shown_and_not_run(tmp_path: Path) -> None:
    rows = table(3, [[HOSTILE]] * 3, name=HOSTILE)
    text = page(tmp_path / "report.html", rows, (HOSTILE,), {HOSTILE: HOSTILE})
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("num_faces", [1, 2, 7])
def test_few_faces_without_a_subset_make_a_page(tmp_path: Path, num_faces: int) -> None:
    assert f"face_{num_faces - 1:02d}" in page(tmp_path / "report.html", table(num_faces))


def test_numbers_that_are_not_known_are_dashes(tmp_path: Path) -> None:
    unknown = {"nme": float("nan"), "nme_interval": None, "failure_rate": None, "auc": None}
    given = metrics(2) | {"subsets": {"empty": {"num_faces": 0, **unknown}}, "nme_interval": None}
    write_report(tmp_path / "report.html", "A report", given, table(2), pictures, {})
    assert "nan" not in re.sub(r"base64,[^\"]*", "", (tmp_path / "report.html").read_text())


def test_missing_landmarks_make_a_page_without_a_number_for_them(tmp_path: Path) -> None:
    rows = table(4)
    points = rows["landmarks"].combine_chunks().flatten().to_numpy().reshape(4, K, 2).copy()
    points[:, 0], points[1, 36] = np.nan, np.nan  # the first landmark everywhere, and one eye corner
    rows = rows.set_column(rows.schema.get_field_index("landmarks"), "landmarks", flat(points))
    given = metrics(4)
    given["landmarks"]["jaw_0"] = None
    write_report(tmp_path / "report.html", "A report", given, rows, pictures, {})
    text = re.sub(r"base64,[^\"]*", "", (tmp_path / "report.html").read_text())
    assert "nan" not in text
    assert not re.search(r"\bjaw_0\b", text)
    assert "jaw_1" in text


def test_the_mean_face_is_of_the_landmarks_that_are_there() -> None:
    face = np.random.default_rng(1).normal(size=(K, 2))
    right, left = IBUG68.inter_ocular
    face[right], face[left] = (-0.5, 0), (0.5, 0)
    faces = np.repeat(face[None], 4, axis=0) * np.array([1.0, 2, 3, 4])[:, None, None]
    faces[:, 5], faces[0, 7], faces[1, right] = np.nan, np.nan, np.nan
    expected = face.copy()
    expected[5] = np.nan
    np.testing.assert_allclose(mean_shape(faces, IBUG68), expected, atol=1e-9)


def test_the_galleries_are_the_six_worst_median_and_best_faces() -> None:
    shown = {
        gallery["name"]: [round(100 * tile["nme"]) for tile in gallery["tiles"]]
        for gallery in galleries(table(30), pictures, IBUG68)
    }
    # Face i has i per cent, i from 0 to 29: the middle six of 30 are 12 .. 17.
    expected = {"Worst": [29, 28, 27, 26, 25, 24], "Median": [12, 13, 14, 15, 16, 17], "Best": [0, 1, 2, 3, 4, 5]}
    assert expected == shown


def test_a_face_is_fetched_once_even_if_it_is_both_best_and_worst() -> None:
    fetched: list[str] = []

    def recorded(face: str) -> tuple[np.ndarray, np.ndarray]:
        fetched.append(face)
        return pictures(face)

    galleries(table(4), recorded, IBUG68)
    assert ["face_00", "face_01", "face_02", "face_03"] == sorted(fetched)


def test_the_mean_of_moved_turned_and_enlarged_copies_is_the_face_itself() -> None:
    rng = np.random.default_rng(1)
    face = rng.normal(size=(K, 2))
    right, left = IBUG68.inter_ocular
    face[right], face[left] = (-0.5, 0), (0.5, 0)
    angles, scales, shifts = (rng.uniform(-3, 3, 9), rng.uniform(1, 90, 9), rng.uniform(0, 500, (9, 1, 2)))
    turns = np.stack([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    np.testing.assert_allclose(mean_shape(face @ turns * scales[:, None, None] + shifts, IBUG68), face, atol=1e-9)


def test_a_face_whose_eye_corners_coincide_does_not_spoil_the_mean() -> None:
    face = np.random.default_rng(1).normal(size=(1, K, 2))
    right, left = IBUG68.inter_ocular
    profile = face.copy()
    profile[:, right] = profile[:, left]
    np.testing.assert_allclose(mean_shape(np.concatenate([face, profile]), IBUG68), mean_shape(face, IBUG68), atol=1e-9)


def test_landmarks_are_grouped_by_part_of_the_face_and_the_worst_group_comes_first() -> None:
    errors = {
        "jaw_0": 0.02,
        "right_eye_0": 0.01,
        "left_eye_0": 0.05,
        "pupil_0": 0.06,
        "inner_lip_0": 0.03,
        "ear_0": 0.01,
    }
    rows = [(row["name"], row["count"], round(row["mean"], 6), row["worst"]) for row in landmark_groups(errors)]
    expected = [
        ("eyes", 3, 0.04, "pupil_0"),
        ("lips", 1, 0.03, "inner_lip_0"),
        ("jaw", 1, 0.02, "jaw_0"),
        ("ear", 1, 0.01, "ear_0"),
    ]
    assert expected == rows


def test_the_curve_is_the_share_of_faces_at_or_below_x_and_its_legend_the_failure_rate() -> None:
    # Five faces; the one that is not finite counts as failed, and so does 9% at a threshold of 8%; 8% itself does not.
    figure = ced_figure({"_all": np.array([0.01, 0.02, 0.08, 0.09, np.nan])}, threshold=0.08)
    axes, [legend] = figure.axes[0], figure.legends
    x, y = axes.lines[0].get_data()
    shares = {at: float(np.asarray(y)[np.searchsorted(np.asarray(x), at)]) for at in (0.5, 1.0, 2.0, 7.9, 8.0, 10.0)}
    assert {0.5: 0.0, 1.0: 20.0, 2.0: 40.0, 7.9: 40.0, 8.0: 60.0, 10.0: 80.0} == shares
    assert ["40.00%  _all"] == [text.get_text().strip() for text in legend.get_texts()]


def test_the_legend_and_its_failure_rates_stand_outside_of_the_axes_and_hide_no_curve() -> None:
    figure = ced_figure({f"subset {i}": np.linspace(0.01, 0.2, 20) for i in range(8)}, threshold=0.08)
    figure.draw_without_rendering()
    axes, [legend] = figure.axes[0], figure.legends
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0
    assert [] == [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(("lowest", "said"), [(0.3, ["no face has an NME of 10% or less"]), (0.09, [])])
def test_a_curve_that_never_leaves_zero_says_so(lowest: float, said: list[str]) -> None:
    figure = ced_figure({"all faces": np.array([lowest, 0.5, np.nan])}, threshold=0.08)
    assert said == [text.get_text() for text in figure.axes[0].texts]


def test_in_dark_mode_the_page_has_other_colours_and_its_figures_too(ordinary: str) -> None:
    by_day, in_dark = re.search(
        r":root \{([^}]*)\}.*?@media screen and \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}", ordinary, re.S
    ).groups()  # type: ignore[union-attr]
    for k, said in enumerate((by_day, in_dark)):
        assert {name: pair[k] for name, pair in THEME.items()} == dict(
            re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", said)
        )
    figure = inline_svg(
        face_figure(np.random.default_rng(0).normal(size=(K, 2)), np.full(K, 0.02), IBUG68), "face", "A face"
    )
    assert [] == [name for name, (day, _) in THEME.items() if day in figure]
    assert {"var(--ink)", "var(--paper)", "var(--axis)"} <= set(re.findall(r"var\(--[a-z0-9-]+\)", figure))


def test_the_colours_of_the_day_differ_so_that_each_has_one_for_the_dark() -> None:
    assert len(THEME) == len({day for day, _ in THEME.values()})


def test_a_report_without_the_trainings_curves_has_no_section_of_them(tmp_path: Path, ordinary: str) -> None:
    write_report(tmp_path / "report.html", "A report", metrics(3), table(3), pictures, {})
    assert "How the training went" in ordinary
    assert "How the training went" not in (tmp_path / "report.html").read_text()
