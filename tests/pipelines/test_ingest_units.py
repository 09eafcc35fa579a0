"""Ingest without Ray: what is refused, and who is held out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.datasets import DATASETS, Record
from components.images import encode_jpeg
from components.samples import Annotation, Box
from components.schemes import IBUG68
from pipelines.ingest import (
    annotation_schema,
    check,
    compare,
    completeness,
    counted,
    examine,
    representable,
    split_rows,
)
from pipelines.params import Params, SourceParams, load_params
from pipelines.runtime.environment import ROOT
from pipelines.splits import assign_splits

SUBJECTS = st.lists(st.sampled_from([f"person{i}" for i in range(30)]), min_size=1, max_size=60)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "recipes" / "300w_small.yaml")


def only(params: Params) -> SourceParams:
    """The one dataset of a recipe."""
    return next(iter(params.datasets.values()))


def own_boxes(params: Params) -> Params:
    return params.model_copy(update={"preprocess": params.preprocess.model_copy(update={"box": "annotated"})})


def face(landmarks: list, box: Box | None = None, hidden: tuple[int, ...] = ()) -> Annotation:
    marks = np.array(landmarks, np.float32)
    visible = np.array([k not in hidden for k in range(len(marks))])
    return Annotation("f", "f.jpg", marks, visible, "s", box=box)


SQUARE = [[0, 0], [10, 0], [0, 10], [10, 10]]
ALL = np.ones(4, bool)


def test_a_good_face_passes(params: Params) -> None:
    check(face(SQUARE), ALL, params)
    check(face(SQUARE, Box(1, 1, 9, 9)), ALL, own_boxes(params))


def test_landmarks_that_are_nan_or_infinite_are_counted(params: Params) -> None:
    with pytest.raises(ValueError, match=r"^f: 2 landmarks are NaN or infinite$"):
        check(face([[0, 0], [np.nan, 0], [0, np.inf], [10, 10]]), ALL, params)


NOWHERE = [np.nan, np.nan]


def test_landmarks_without_a_position_pass_where_the_reader_means_it(params: Params) -> None:
    inside = np.array([True, True, False, False])
    check(face([[0, 0], [10, 10], NOWHERE, NOWHERE], hidden=(2, 3)), inside, params)


@pytest.mark.parametrize(
    ("landmarks", "hidden", "count"),
    [
        # By hand: seen, yet nowhere; one of two coordinates; infinite.
        ([[0, 0], [10, 10], NOWHERE, NOWHERE], (2,), 1),
        ([[0, 0], [10, 10], [np.nan, 5], NOWHERE], (2, 3), 1),
        ([[0, 0], [10, 10], [np.inf, np.inf], [5, -np.inf]], (2, 3), 2),
    ],
)
def test_other_landmarks_that_are_not_finite_are_refused(
    params: Params, landmarks: list, hidden: tuple, count: int
) -> None:
    with pytest.raises(ValueError, match=f"^f: {count} landmarks are NaN or infinite$"):
        check(face(landmarks, hidden=hidden), ALL, params)


@pytest.mark.parametrize("num_labelled", [0, 1])
def test_a_face_with_fewer_than_two_positions_is_refused(params: Params, num_labelled: int) -> None:
    landmarks = [[3, 4]] * num_labelled + [NOWHERE] * (4 - num_labelled)
    with pytest.raises(ValueError, match=f"^f: only {num_labelled} of 4 landmarks have a position$"):
        check(face(landmarks, hidden=(0, 1, 2, 3)), ALL, params)


def test_the_share_inside_the_picture_is_of_those_that_have_a_position(params: Params) -> None:
    # By hand: one of three; the recipe asks for half.
    with pytest.raises(ValueError, match=r"^f: only 1 of 3 landmarks are inside the picture$"):
        check(
            face([[0, 0], [10, 0], [0, 10], NOWHERE], hidden=(3,)),
            np.array([True, False, False, False]),
            params,
        )


def test_a_face_without_the_box_that_is_asked_for_is_refused_with_the_way_out(params: Params) -> None:
    with pytest.raises(ValueError, match=r"^f: has no annotated box; preprocess.box: landmarks makes one$"):
        check(face(SQUARE), ALL, own_boxes(params))


def test_a_box_without_area_is_refused(params: Params) -> None:
    with pytest.raises(ValueError, match=r"^f: box without area$"):
        check(face([[3, 0], [3, 5], [3, 9], [3, 10]]), ALL, params)
    with pytest.raises(ValueError, match=r"^f: box without area$"):
        check(face(SQUARE, Box(5, 5, 5, 9)), ALL, own_boxes(params))


def test_a_face_mostly_outside_its_picture_is_refused(params: Params) -> None:
    # The recipe asks for half.
    check(face(SQUARE), np.array([True, True, False, False]), params)
    with pytest.raises(ValueError, match=r"^f: only 1 of 4 landmarks are inside the picture$"):
        check(face(SQUARE), np.array([True, False, False, False]), params)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("used", [True, False])
def test_a_box_that_is_not_finite_is_refused_used_or_not(params: Params, bad: float, used: bool) -> None:
    with pytest.raises(ValueError, match=r"^f: an edge of its box is NaN or infinite$"):
        check(face(SQUARE, Box(1, 1, bad, 9)), ALL, own_boxes(params) if used else params)


@given(SUBJECTS)
def test_nobody_is_in_two_splits(subjects: list[str]) -> None:
    splits = assign_splits(subjects, [None] * len(subjects), 0.3, 0.3)
    assert len(subjects) == len(splits)
    assert len(set(subjects)) == len(set(zip(subjects, splits, strict=True)))


@given(SUBJECTS, st.randoms(use_true_random=False))
def test_a_face_stays_in_its_split_whoever_comes_goes_or_stands_before_it(subjects: list[str], random) -> None:
    splits = dict(zip(subjects, assign_splits(subjects, [None] * len(subjects), 0.3, 0.3), strict=True))
    fewer = [subject for subject in subjects if random.random() < 0.5]
    random.shuffle(fewer)
    assert [splits[subject] for subject in fewer] == assign_splits(fewer, [None] * len(fewer), 0.3, 0.3)


def test_about_as_many_are_held_out_as_was_asked() -> None:
    subjects = [f"person{i}" for i in range(5000)]
    splits = assign_splits(subjects, [None] * 5000, val_share=0.1, test_share=0.2)
    # Three deviations of a share of 5000: 0.013 and 0.017.
    assert pytest.approx(0.1, abs=0.013) == splits.count("val") / 5000
    assert pytest.approx(0.2, abs=0.017) == splits.count("test") / 5000


def test_a_benchmarks_own_test_faces_are_the_only_ones() -> None:
    subjects = [f"person{i}" for i in range(300)]
    given_splits = ["test" if i % 3 == 0 else "train" for i in range(300)]
    splits = assign_splits(subjects, given_splits, val_share=0.3, test_share=0.3)
    assert [own == "test" for own in given_splits] == [split == "test" for split in splits]
    assert 30 < splits.count("val") < 90  # 0.3 of 200, the training faces


def test_what_is_kept_aside_are_test_faces_and_the_others_stay_where_they_were() -> None:
    subjects = [f"person{i}" for i in range(5000)]
    before, after = (assign_splits(subjects, [None] * 5000, 0.1, 0.2, reserve) for reserve in (0.0, 0.3))
    assert "reserve" not in before
    assert {("reserve", "test")} == {pair for pair in zip(after, before, strict=True) if pair[0] != pair[1]}
    assert pytest.approx(0.3, abs=0.044) == after.count("reserve") / before.count("test")  # three deviations


def test_of_a_benchmarks_own_test_faces_none_are_kept_aside() -> None:
    with pytest.raises(ValueError, match=r"this dataset has test faces of its own, .*: set it to 0\.0"):
        assign_splits(["a", "b"], ["test", "train"], 0.1, 0.2, 0.5)


def test_a_larger_validation_share_keeps_those_that_were_held_out() -> None:
    subjects = [f"person{i}" for i in range(300)]
    small, large = (assign_splits(subjects, [None] * 300, share, 0.2) for share in (0.1, 0.3))
    assert {s for s, split in zip(subjects, small, strict=True) if split == "val"} < {
        s for s, split in zip(subjects, large, strict=True) if split == "val"
    }
    assert [split == "test" for split in small] == [split == "test" for split in large]


def examined(
    faces: list[str],
    bad: dict[int, str] | None = None,
    subjects: list[str] | None = None,
    splits: list[str | None] | None = None,
) -> pa.Table:
    """A row per face, as `examine` gives them; those at the places of `bad` with that reason."""
    rows = []
    for i, name in enumerate(faces):
        row = {"face": name, "image": f"{name}.jpg", "split": splits[i] if splits else None}
        if bad and i in bad:
            rows.append({**row, "reason": bad[i]})
        else:
            subject = subjects[i] if subjects else f"person{i}"
            rows.append({**row, "subject": subject, "subsets": [], "landmarks": [1.0] * 136})
    return pa.Table.from_pylist(rows, annotation_schema(68).append(pa.field("reason", pa.string())))


NAMES = [f"f{i}" for i in range(60)]


@given(st.dictionaries(st.integers(0, 59), st.just("broken"), max_size=20), st.lists(st.integers(0, 59), max_size=5))
def test_every_row_ends_in_exactly_one_table_in_its_order(bad: dict[int, str], repeated: list[int]) -> None:
    names = NAMES + [NAMES[i] for i in repeated]
    params = load_params(ROOT / "recipes" / "300w_small.yaml")
    annotations, rejected = split_rows(examined(names, bad), params, only(params))
    assert len(names) == len(annotations) + len(rejected)
    kept = annotations.column("face").to_pylist()
    assert [name for i, name in enumerate(NAMES) if i not in bad] == [
        name for name in kept if NAMES.index(name) not in bad
    ]
    assert len(kept) == len(set(kept))
    assert set(NAMES) == set(kept) | set(rejected.column("face").to_pylist())
    assert 0 == rejected.column("reason").null_count


def test_a_face_that_occurs_twice_is_rejected_the_second_time(params: Params) -> None:
    annotations, rejected = split_rows(examined([*NAMES, "f7"]), params, only(params))
    assert NAMES == annotations.column("face").to_pylist()
    assert [{"face": "f7", "image": "f7.jpg", "reason": "f7: occurs twice"}] == rejected.to_pylist()


def test_a_rejected_row_takes_no_good_faces_name(params: Params) -> None:
    # Before it is understood, a row of faces.csv goes by its line's number, which may be a good face's name.
    annotations, rejected = split_rows(
        examined(["f7", *NAMES], bad={0: "faces.csv:7: expected 137 fields"}), params, only(params)
    )
    assert NAMES == annotations.column("face").to_pylist()
    assert ["faces.csv:7: expected 137 fields"] == rejected.column("reason").to_pylist()


def test_reasons_are_kept_as_they_were_said(params: Params) -> None:
    _, rejected = split_rows(examined(NAMES, {3: "a: cut off", 5: "b: no face"}), params, only(params))
    assert [("f3", "a: cut off"), ("f5", "b: no face")] == [
        (row["face"], row["reason"]) for row in rejected.to_pylist()
    ]


def test_an_empty_split_is_refused_with_the_first_reason(params: Params) -> None:
    table = examined(NAMES, {0: "a: cut off"}, subjects=["one person"] * 60)
    # Of a single subject, two of the three splits are always empty.
    message = "59 good faces leave none for .*, .*" + re.escape("; the first of 1 rejected: a: cut off")
    with pytest.raises(ValueError, match=f"^{message}$"):
        split_rows(table, params, only(params))


def test_a_benchmark_of_test_faces_alone_passes_for_evaluation_only(params: Params) -> None:
    # As COFW-68, or 300-W's private set alone; a broken test face is one as well.
    annotations, rejected = split_rows(examined(NAMES, {3: "f3: cut off"}, splits=["test"] * 60), params, only(params))
    assert ["test"] * 59 == annotations.column("split").to_pylist()
    assert ["f3"] == rejected.column("face").to_pylist()


def test_a_benchmark_of_test_faces_alone_is_refused_beside_other_datasets(params: Params) -> None:
    source = only(params)
    shared = {"a": source.model_copy(update={"share": 0.5}), "b": source.model_copy(update={"share": 0.5})}
    several = params.model_copy(update={"datasets": shared})
    with pytest.raises(ValueError, match="all a benchmark's own test faces, which cannot train beside other datasets"):
        split_rows(examined(NAMES, splits=["test"] * 60), several, shared["a"])


@pytest.mark.parametrize("other", ["train", None])
def test_test_faces_beside_others_that_were_all_rejected_are_not_for_evaluation_only(
    params: Params, other: str | None
) -> None:
    table = examined(NAMES, {3: "f3: cut off"}, splits=[other if i == 3 else "test" for i in range(60)])
    message = "59 good faces leave none for train, val; the first of 1 rejected: f3: cut off"
    with pytest.raises(ValueError, match=f"^{message}$"):
        split_rows(table, params, only(params))


def test_broken_test_faces_alone_are_refused(params: Params) -> None:
    table = examined(["f0"], {0: "f0: cut off"}, splits=["test"])
    with pytest.raises(ValueError, match=r"^0 good faces leave none for test; the first of 1 rejected: f0: cut off$"):
        split_rows(table, params, only(params))


TRAINS_ONLY = {"held_out": False}


def test_of_a_dataset_that_is_not_held_out_all_faces_train_but_the_benchmarks_test_faces(params: Params) -> None:
    source = only(params).model_copy(update=TRAINS_ONLY)
    given = ["test" if i % 3 == 0 else "train" if i % 3 == 1 else None for i in range(60)]
    annotations, _ = split_rows(examined(NAMES, splits=given), params, source)
    expected = ["test" if own == "test" else "train" for own in given]
    assert expected == annotations.column("split").to_pylist()
    # Not even test faces are needed.
    annotations, _ = split_rows(examined(NAMES), params, source)
    assert ["train"] * 60 == annotations.column("split").to_pylist()


def test_a_benchmark_of_test_faces_alone_cannot_train(params: Params) -> None:
    source = only(params).model_copy(update=TRAINS_ONLY)
    with pytest.raises(ValueError, match=r"^60 good faces leave none for train$"):
        split_rows(examined(NAMES, splits=["test"] * 60), params, source)


def test_no_good_face_at_all_is_refused(params: Params) -> None:
    bad = dict.fromkeys(range(60), "x: broken")
    with pytest.raises(
        ValueError, match=r"^0 good faces leave none for test, train, val; the first of 60 rejected: x: broken$"
    ):
        split_rows(examined(NAMES, bad), params, only(params))


def test_a_row_that_cannot_be_read_keeps_the_split_that_its_record_names(tmp_path: Path, params: Params) -> None:
    records = pa.table({"face": ["ibug/1"], "where": ["ibug/1.pts"], "text": [""], "split": ["test"]})
    (row,) = examine(records, str(tmp_path), params, only(params)).to_pylist()
    assert ("test", "ibug/1.pts: No such file or directory") == (row["split"], row["reason"])


def test_records_become_rows_with_a_reason_where_something_is_wrong(tmp_path: Path, params: Params) -> None:
    folder = tmp_path / "afw"
    folder.mkdir()
    lines = [f"{10.5 + i % 10} {20.25 + i // 10}" for i in range(68)]
    for name in ("1_1", "2_1", "3_1"):
        (folder / f"{name}.jpg").write_bytes(encode_jpeg(np.zeros((40, 50, 3), np.uint8), 90))
        (folder / f"{name}.pts").write_text("\n".join(lines))
    (folder / "2_1.pts").write_text("\n".join(lines[:67]))
    whole = (folder / "3_1.jpg").read_bytes()
    (folder / "3_1.jpg").write_bytes(whole[: len(whole) // 2])
    names = ["afw/1_1", "afw/2_1", "afw/3_1"]
    records = pa.table({"face": names, "where": [f"{name}.pts" for name in names], "text": [""] * 3})
    good, short, cut = examine(records, str(tmp_path), params, only(params)).to_pylist()
    assert None is good["reason"]
    assert ("afw/1_1", "afw/1_1.jpg", "afw/1", ["afw"], "train") == tuple(
        good[name] for name in ("face", "image", "subject", "subsets", "split")
    )
    assert (50, 40, True) == (good["width"], good["height"], all(good["inside"]))
    # By hand: 1-based 10.5 and 20.25.
    assert [9.5, 19.25] == good["landmarks"][:2]
    assert "afw/2_1.pts: expected 68 landmarks, got 67" == short["reason"]
    assert cut["reason"].startswith("afw/3_1.jpg: unreadable or truncated image: ")
    assert (None, "afw/3_1") == (cut["landmarks"], cut["face"])


LANDMARKS = [f"{10.5 + i % 10} {20.25 + i // 10}" for i in range(68)]


def write_merl_rav(root: Path, lines: dict[int, str]) -> pa.Table:
    """A test face of MERL-RAV with some lines replaced -> its records."""
    labels, pictures = root / "frontal/testset/labels", root / "flickr/0"
    labels.mkdir(parents=True)
    pictures.mkdir(parents=True)
    (pictures / "image00001.jpg").write_bytes(encode_jpeg(np.zeros((40, 50, 3), np.uint8), 90))
    body = [lines.get(k, line) for k, line in enumerate(LANDMARKS)]
    (labels / "image00001.pts").write_text("\n".join(["version: 1", "n_points:  68", "{", *body, "}"]))
    rows = [record._asdict() for record in DATASETS["merl_rav"].records(root, IBUG68)]
    return pa.Table.from_pylist(rows)


def reading(params: Params, reader: str) -> SourceParams:
    return only(params).model_copy(update={"reader": reader})


def test_landmarks_without_a_position_are_nan_in_the_table(tmp_path: Path, params: Params) -> None:
    records = write_merl_rav(tmp_path, {0: "-1 -1", 1: "-12.5 -22.25"})
    (row,) = examine(records, str(tmp_path), params, reading(params, "merl_rav")).to_pylist()
    assert None is row["reason"]
    # By hand: 1-based; the second is hidden, and its position known.
    np.testing.assert_array_equal([np.nan, np.nan, 11.5, 21.25, 11.5, 19.25], row["landmarks"][:6])
    assert [False, False, True] == row["visible"][:3]
    assert [False, True, True] == row["inside"][:3]


def test_a_face_whose_eye_corner_has_no_position_passes_as_some_protocols_can_measure_it(
    tmp_path: Path, params: Params
) -> None:
    records = write_merl_rav(tmp_path, {36: "-1 -1"})  # the right eye's outer corner
    (row,) = examine(records, str(tmp_path), params, reading(params, "merl_rav")).to_pylist()
    assert None is row["reason"]


def test_a_face_whose_outer_eye_corners_coincide_is_refused(tmp_path: Path, params: Params) -> None:
    records = write_merl_rav(tmp_path, {36: LANDMARKS[45]})  # the right eye's outer corner at the left one's
    (row,) = examine(records, str(tmp_path), params, reading(params, "merl_rav")).to_pylist()
    assert "frontal/testset/image00001: the outer eye corners coincide" == row["reason"]


def test_the_protocol_decides_nothing_about_a_row(tmp_path: Path, params: Params) -> None:
    records = write_merl_rav(tmp_path, {36: "-1 -1"})
    source = reading(params, "merl_rav")
    other = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"protocol": "box_size"})})
    one, two = (examine(records, str(tmp_path), chosen, source).to_pylist() for chosen in (params, other))
    assert repr(one) == repr(two)  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(36, "File name too long", "/a/secret/path"), "x.pts: File name too long (OSError)"),
        (
            RecursionError("maximum recursion depth exceeded"),
            "x.pts: maximum recursion depth exceeded (RecursionError)",
        ),
        (MemoryError("no memory"), "x.pts: no memory (MemoryError)"),
        (ValueError("x.pts: \x1b[31m\n" + "z" * 9000), r"x.pts: \x1b[31m\n" + "z" * 183 + " ... " + "z" * 200),
    ],
)
def test_any_exception_rejects_its_record_alone(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def parse(folder: Path, scheme: object, record: Record) -> Annotation:
        raise error

    monkeypatch.setitem(DATASETS, "300w", replace(DATASETS["300w"], parse=parse))
    records = pa.Table.from_pylist([Record("x", "x.pts", split="test")._asdict()])
    (row,) = examine(records, str(tmp_path), params, only(params)).to_pylist()
    assert ("x", "x.pts", "test", reason) == (row["face"], row["image"], row["split"], row["reason"])


def test_a_record_whose_name_is_not_utf_8_is_rejected_under_a_name_that_can_be_stored(
    tmp_path: Path, params: Params
) -> None:
    record = representable(Record("afw/\udcff_1", "afw/\udcff_1.pts", split="train"))
    (row,) = examine(pa.Table.from_pylist([record._asdict()]), str(tmp_path), params, only(params)).to_pylist()
    assert r"afw/\udcff_1" == row["face"]
    assert r"afw/\udcff_1.pts: a name that is not UTF-8: rename the file" == row["reason"]


def test_faces_are_counted_by_the_readers_own_splits_and_subsets_without_those_refused() -> None:
    rows = [
        {"split": "train", "subsets": []},
        {"split": "train", "subsets": [], "reason": "broken"},
        {"split": "test", "subsets": ["common", "full"]},
        {"split": "test", "subsets": ["challenge", "full"]},
        {"split": None, "subsets": ["other"]},
    ]
    table = pa.Table.from_pylist(rows, annotation_schema(68).append(pa.field("reason", pa.string())))
    complete = {"train": 3148, "common": 554, "full": 2, "private": 600}
    # By hand.
    assert [("train", 1, 3148), ("common", 1, 554), ("full", 2, 2), ("private", 0, 600)] == compare(table, complete)


def test_a_partial_copy_a_complete_one_and_one_without_numbers_are_told_apart() -> None:
    assert "partial copy of x: train 1 of 2, a 0 of 3; whole: test" == completeness(
        [("train", 1, 2), ("test", 4, 4), ("a", 0, 3)], "x"
    )
    assert "partial copy of x: train 3 of 2" == completeness([("train", 3, 2)], "x")
    assert "complete copy of x: train 2, test 4" == completeness([("train", 2, 2), ("test", 4, 4)], "x")
    assert "x has no official number of faces to compare with" == completeness([], "x")


def test_faces_are_counted_by_split_and_test_faces_alone_are_said_to_be_for_evaluation() -> None:
    assert "2 train, 1 val, 1 test" == counted(["train", "test", "train", "val"])
    assert "0 train, 0 val, 507 test: for evaluation only" == counted(["test"] * 507)
