"""Ingest: files of a public dataset -> annotations.parquet, rejected.parquet and a dataset card.

Reads `data/NAME/`. Every record of the dataset ends in exactly one of the two tables. Landmarks outside the picture are
kept and flagged, never moved. Rows are in the reader's order, whatever the number of workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray.data

from components.datasets import DATASETS, Record
from components.datasets.plausible import check_eyes, check_sizes, inside_picture
from components.samples import Annotation, Box
from components.schemes import SCHEMES
from components.text import printable
from pipelines.pages.card import write_card
from pipelines.params import Params, SourceParams, load_params
from pipelines.runtime import cluster, command
from pipelines.runtime.links import linked_folders, way_out
from pipelines.runtime.outputs import whole_folder
from pipelines.runtime.progress import Progress
from pipelines.runtime.tables import ANNOTATIONS, RESERVE, SPLITS, face_fields, splits_shown, write_table
from pipelines.splits import splits_of

REJECTED, CARD = "rejected.parquet", "card.html"
RECORDS_PER_TASK = 64
MIN_LABELLED = 2  # fewer landmarks span no box
MAX_TEXT = 400  # characters of a rejected name or reason
REJECTED_SCHEMA = pa.schema([("face", pa.string()), ("image", pa.string()), ("reason", pa.string())])


def annotation_schema(num_landmarks: int) -> pa.Schema:
    """Columns of annotations.parquet, but for the split."""
    return pa.schema(
        [
            *face_fields(num_landmarks),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("visible", pa.list_(pa.bool_(), num_landmarks)),
            ("inside", pa.list_(pa.bool_(), num_landmarks)),
            ("box", pa.list_(pa.float32())),  # not of fixed size: Parquet does not bring back a null among those
            ("split", pa.string()),
        ]
    )


def examine(records: pa.Table, folder: str, params: Params, source: SourceParams) -> pa.Table:
    """Reads records (columns as of `Record`) of a dataset and their pictures.

    Returns:
        A row per record: the columns of `annotation_schema`, and `reason`, null where nothing is wrong.
    """
    schema = annotation_schema(SCHEMES[source.scheme].num_landmarks).append(pa.field("reason", pa.string()))
    rows = [_examine(Record(**row), Path(folder), params, source, schema) for row in records.to_pylist()]
    return pa.concat_tables(rows).combine_chunks()


def _examine(record: Record, folder: Path, params: Params, source: SourceParams, schema: pa.Schema) -> pa.Table:
    """One row. Whatever goes wrong with one record is the reason that it is rejected for, and costs no other."""
    known: dict[str, Any] = {"image": record.where, "split": record.split}
    try:
        return pa.Table.from_pylist([_row(record, known, folder, params, source)], schema)
    except Exception as error:  # a name that is too long, a text that no column takes, JSON that is nested too deep
        reason = str(error) if type(error) is ValueError else f"{record.where}: {_of_python(error)}"
    texts = {"face": record.face, "image": known["image"], "reason": reason}
    row = {name: shortened(printable(text)) for name, text in texts.items()}
    return pa.Table.from_pylist([{**row, "split": known["split"]}], schema)


def shortened(text: str) -> str:
    """The text, or its two ends: a reason begins with a name, which may be a whole file's content, and ends with what is wrong."""
    half = MAX_TEXT // 2
    return text if len(text) <= MAX_TEXT else f"{text[:half]} ... {text[-half:]}"


def _of_python(error: Exception) -> str:
    """What an exception says that is not ours, and hence not a sentence."""
    return f"{getattr(error, 'strerror', None) or error} ({type(error).__name__})"


def _row(record: Record, known: dict, folder: Path, params: Params, source: SourceParams) -> dict:
    """What a good row holds; on the way there, picture and split are noted in `known`.

    Raises:
        ValueError: With the reason why it is none.
    """
    if record.problem:
        raise ValueError(f"{record.where}: {record.problem}")
    dataset, scheme = DATASETS[source.reader], SCHEMES[source.scheme]
    annotation = dataset.parse(folder, scheme, record)
    known.update(image=annotation.image, split=annotation.split)
    height, width = dataset.picture(folder, annotation.image).shape[:2]
    inside = inside_picture(annotation.landmarks, width, height)
    check(annotation, inside, params)
    check_sizes(annotation, width, height)
    check_eyes(annotation, scheme)
    return {
        # Names go to terminals, pages and trackers from here; a picture's must stay what its file is called.
        "face": printable(annotation.face),
        "image": annotation.image,
        "subject": printable(annotation.subject),
        "subsets": [printable(name) for name in annotation.subsets],
        "landmarks": annotation.landmarks.ravel(),
        "width": width,
        "height": height,
        "visible": annotation.visible,
        "inside": inside,
        "box": annotation.box,
        "split": annotation.split,
    }


def check(annotation: Annotation, inside: np.ndarray, params: Params) -> None:
    """Refuses a face that nothing can be learnt from, or measured on.

    Raises:
        ValueError: With the reason.
    """
    # A reader gives NaN on purpose where it also says that the landmark is not visible.
    labelled = ~(np.isnan(annotation.landmarks).all(axis=1) & ~annotation.visible)
    bad = ~np.isfinite(annotation.landmarks).all(axis=1) & labelled
    if bad.any():
        raise ValueError(f"{annotation.face}: {bad.sum()} landmarks are NaN or infinite")
    if labelled.sum() < MIN_LABELLED:
        raise ValueError(f"{annotation.face}: only {labelled.sum()} of {len(labelled)} landmarks have a position")
    annotated = params.preprocess.box == "annotated"
    if annotated and annotation.box is None:
        raise ValueError(f"{annotation.face}: has no annotated box; preprocess.box: landmarks makes one")
    if annotation.box is not None and not np.isfinite(annotation.box).all():
        raise ValueError(f"{annotation.face}: an edge of its box is NaN or infinite")
    box = annotation.box if annotated and annotation.box else Box.around(annotation.landmarks)
    if not (box.width > 0 and box.height > 0):
        raise ValueError(f"{annotation.face}: box without area")
    if inside[labelled].mean() < params.ingest.min_inside:
        raise ValueError(f"{annotation.face}: only {inside.sum()} of {labelled.sum()} landmarks are inside the picture")


def compare(examined: pa.Table, complete: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """What a dataset's complete copy has -> (split or subset, good faces read, faces of the complete copy).

    By the reader's own splits: what is held out for validation is training faces to the benchmark.
    """
    good = examined.filter(pc.is_null(examined.column("reason")))
    found = Counter(good.column("split").to_pylist())
    found.update(name for subsets in good.column("subsets").to_pylist() for name in subsets)
    return [(name, found[name], count) for name, count in complete.items()]


def split_rows(examined: pa.Table, params: Params, source: SourceParams) -> tuple[pa.Table, pa.Table]:
    """Examined rows -> annotations with splits, and rejected rows. A face that occurs twice is rejected the second time.

    Of a dataset that is not held out, all faces train but the benchmark's own test faces, which nothing uses. A held-out
    one that is nothing but test faces has them in test, and none in train and val: a model is evaluated on it. The rejected
    count as well: a benchmark whose training faces are all broken is not of this kind.

    Raises:
        ValueError: No face is left for one of the splits; says why faces were rejected.
    """
    examined = reject_repeats(examined)
    bad = pc.is_valid(examined.column("reason"))
    rejected = examined.filter(bad).select(REJECTED_SCHEMA.names).cast(REJECTED_SCHEMA)
    good = examined.filter(pc.invert(bad)).drop_columns("reason")
    splits = splits_of(good.column("subject").to_pylist(), good.column("split").to_pylist(), params, source)
    annotations = good.set_column(good.schema.get_field_index("split"), "split", pa.array(splits, pa.string()))
    only_tested = set(examined.column("split").to_pylist()) == {"test"}
    if only_tested and len(params.datasets) > 1:
        raise ValueError(
            "these are all a benchmark's own test faces, which cannot train beside other datasets: leave this one out of the "
            "recipe, and measure it by a recipe of its own"
        )
    asked = set(SPLITS) - (set() if params.ingest.reserve_share else {RESERVE})
    needed = {"train"} if not source.held_out else {"test"} if only_tested else asked
    missing = needed - set(splits)
    if missing:
        first = f"; the first of {len(rejected)} rejected: {rejected.column('reason')[0]}" if len(rejected) else ""
        raise ValueError(f"{len(good)} good faces leave none for {', '.join(sorted(missing))}{first}")
    return annotations, rejected


def reject_repeats(examined: pa.Table) -> pa.Table:
    good = np.flatnonzero(examined.column("reason").is_null().to_numpy())
    faces = examined.column("face").to_numpy()[good]
    repeated = np.zeros(len(examined), bool)
    repeated[np.delete(good, np.unique(faces, return_index=True)[1])] = True
    reason = pc.if_else(
        pa.array(repeated),
        pc.binary_join_element_wise(examined.column("face"), "occurs twice", ": "),
        examined.column("reason"),
    )
    return examined.set_column(examined.schema.get_field_index("reason"), "reason", reason)


def ingest(folder: Path, params: Params, out: Path) -> None:
    """Runs the stage: `data/NAME`, the folder of one of the recipe's datasets -> `out`, a folder.

    Raises:
        ValueError: The recipe has no such dataset, the folder holds nothing that the reader knows, or a split would be
            empty of a dataset that is not for evaluation only.
    """
    source = params.source(folder.name)
    scheme = SCHEMES[source.scheme]
    if not folder.is_dir():
        raise ValueError(f"{folder} is missing: `make data` draws faces, `make retrain DATA=...` brings a dataset")
    dataset = DATASETS[source.reader]
    refuse_links(folder)
    records = [representable(record) for record in dataset.records(folder, scheme)]
    print(f"ingest: {len(records)} records in {folder}", flush=True)
    with whole_folder(out) as partial:
        with cluster.connected():
            examined = pa.concat_tables(examine_all(records, folder, params, source))
        compared = compare(examined, dataset.complete)
        print(f"ingest: {completeness(compared, dataset.name)}", flush=True)
        annotations, rejected = split_rows(examined, params, source)
        assert len(annotations) + len(rejected) == len(records)
        write_table(annotations, partial / ANNOTATIONS)
        write_table(rejected, partial / REJECTED)
        licence = dataset.licence_in(folder)
        write_card(
            partial / CARD, folder.name, annotations, rejected, folder, scheme, licence, dataset.picture, compared
        )
    _say(annotations, rejected, out)


def refuse_links(folder: Path) -> None:
    """Refuses a dataset whose folders are links to somewhere else: no picture is read from there.

    Raises:
        ValueError: With each link, and the command that puts the real files there.
    """
    inside = folder.resolve()
    leading_out = [link for link in linked_folders(folder) if not link.resolve().is_relative_to(inside)]
    if leading_out:
        raise ValueError(f"{folder} has links to folders outside it, whose files are not read: {way_out(leading_out)}")


def representable(record: Record) -> Record:
    """The record; one whose names are not UTF-8 with a problem, and with names that a table can hold."""
    try:
        "".join((record.face, record.where, record.text)).encode()
    except UnicodeEncodeError:
        face, where = printable(record.face), printable(record.where)
        return Record(face, where, "", record.split, "a name that is not UTF-8: rename the file")
    return record


def examine_all(records: list[Record], folder: Path, params: Params, source: SourceParams) -> Iterator[pa.Table]:
    """Tables of examined rows, in the records' order."""
    schema = pa.schema([(name, pa.string()) for name in Record._fields])
    table = pa.table([[getattr(record, name) for record in records] for name in Record._fields], schema=schema)
    blocks = [table.slice(start, RECORDS_PER_TASK) for start in range(0, len(table), RECORDS_PER_TASK)]
    known = {"folder": str(folder.resolve()), "params": params, "source": source}
    rows = ray.data.from_arrow(blocks).map_batches(examine, batch_size=None, batch_format="pyarrow", fn_kwargs=known)
    progress = Progress("ingest", len(records), "faces")
    for block in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
        progress.advance(len(block))
        yield block


def completeness(compared: Sequence[tuple[str, int, int]], name: str) -> str:
    """One line on how much of a dataset is here.

    >>> completeness([("train", 1207, 3148), ("common", 0, 554), ("afw", 337, 337)], "300w")
    'partial copy of 300w: train 1207 of 3148, common 0 of 554; whole: afw'
    """
    if not compared:
        return f"{name} has no official number of faces to compare with"
    parted = [f"{part} {found} of {count}" for part, found, count in compared if found != count]
    whole = [part for part, found, count in compared if found == count]
    if not parted:
        return f"complete copy of {name}: {', '.join(f'{part} {count}' for part, _, count in compared)}"
    return f"partial copy of {name}: {', '.join(parted)}" + (f"; whole: {', '.join(whole)}" if whole else "")


def counted(splits: Sequence[str]) -> str:
    """How many faces each split has.

    >>> counted(["train", "test", "train", "val"])
    '2 train, 1 val, 1 test'
    >>> counted(["test"] * 507)
    '0 train, 0 val, 507 test: for evaluation only'
    >>> counted(["train", "val", "test", "reserve"])
    '1 train, 1 val, 1 test, 1 reserve'
    """
    counts = ", ".join(f"{splits.count(split)} {split}" for split in splits_shown(splits))
    return counts + (": for evaluation only" if set(splits) == {"test"} else "")


def _say(annotations: pa.Table, rejected: pa.Table, out: Path) -> None:
    counts = counted(annotations.column("split").to_pylist())
    print(f"ingest: {len(annotations)} faces ({counts}), {len(rejected)} rejected; card: {out / CARD}")
    for reason in rejected.column("reason").to_pylist()[:5]:
        print(f"ingest: rejected: {reason}")


def main(dataset: Path, out: Path, params: Path = Path("params.yaml")) -> None:
    """Reads DATASET, the folder of a dataset that the params name; writes tables and card to OUT."""
    ingest(dataset, load_params(params), out)


if __name__ == "__main__":
    command.run(main)
