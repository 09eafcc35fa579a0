"""Rescoring: one file of predictions under every protocol that fits, in one table.

Reads an errors.parquet as `pipelines.evaluate` writes it; no model, no pictures, no Ray. Writes rescored.csv, rescored.json
and rescored.md. Protocols that say nothing of these predictions are listed with the reason.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from components.metrics import PROTOCOLS, Evidence, Protocol, audit, misfit, summarise
from components.schemes import SCHEMES, Scheme
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.tables import from_column, note_of, read_table, write_csv
from pipelines.scoring.table import grouped, markdown, rows_of, terminal_table

COLUMNS = ("face", "subsets", "landmarks", "predicted", "annotated_box")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a file holds of N faces.

    Attributes:
        truth: (N, K, 2), (x, y), image px; NaN where a landmark has no position.
        predicted: (N, K, 2), (x, y), image px.
        subsets: Names per face.
        annotated: (N, 4), the dataset's own boxes, image px; NaN where there is none.
        scheme: Of the landmarks.
        datasets: Names of their readers.
        box: That the model's crops were cut around.
        mirrored: Whether predictions are means with those of the mirror image.
    """

    truth: np.ndarray
    predicted: np.ndarray
    subsets: list[list[str]]
    annotated: np.ndarray
    scheme: Scheme
    datasets: tuple[str, ...]
    box: str
    mirrored: bool


def load_predictions(path: Path) -> Predictions:
    """Reads an errors.parquet.

    Raises:
        ValueError: Missing, another kind of file, or one that does not say what it holds.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; `python -m pipelines.evaluate MODEL CROPS OUT` writes one")
    table = read_table(path)
    absent = [name for name in COLUMNS if name not in table.column_names]
    facts = note_of(table)
    if "predicted" in absent or "landmarks" in absent:
        raise ValueError(f"{path}: not an errors.parquet of pipelines.evaluate: no column {', '.join(absent)}")
    if absent or not {"scheme", "dataset", "box"} <= set(facts):
        what = f"no column {', '.join(absent)}" if absent else "it does not say its scheme"
        raise ValueError(f"{path}: written by an older pipelines.evaluate ({what}): evaluate again")
    if facts["scheme"] not in SCHEMES:
        raise ValueError(f"{path}: unknown scheme {facts['scheme']!r}; known: {', '.join(sorted(SCHEMES))}")
    scheme = SCHEMES[facts["scheme"]]
    if table.schema.field("landmarks").type.list_size != 2 * scheme.num_landmarks:
        held = table.schema.field("landmarks").type.list_size // 2
        raise ValueError(f"{path}: scheme {scheme.name} has {scheme.num_landmarks} landmarks, the file {held}")
    points = {name: from_column(table, name, scheme.num_landmarks, 2) for name in ("landmarks", "predicted")}
    subsets = [names or [] for names in table.column("subsets").to_pylist()]
    boxes = from_column(table, "annotated_box", 4)
    readers = tuple(facts["dataset"].split(","))
    mirrored = facts.get("mirrored") == "yes"  # files from before there was a choice do not say
    said = scheme, readers, facts["box"], mirrored
    return Predictions(points["landmarks"], points["predicted"], subsets, boxes, *said)


def reason_against(protocol: Protocol, faces: Predictions) -> str:
    """Why a protocol says nothing of these faces; "" if it does."""
    for dataset in faces.datasets:
        if reason := misfit(protocol, dataset, faces.scheme.name, faces.box):
            return reason
    covered = protocol.covers(faces.subsets)
    if not covered.any():
        return f"no face in {' or '.join(protocol.subsets)}"
    missing = int(np.isnan(faces.annotated[covered]).any(axis=1).sum())
    if protocol.needs_boxes and missing:
        return f"needs the annotated box; {missing} of {covered.sum()} faces have none"
    normaliser = protocol.normalise(faces.truth[covered], faces.scheme, faces.annotated[covered])
    if not (normaliser > 0).all():
        return f"no {protocol.normaliser} in {(~(normaliser > 0)).sum()} of {covered.sum()} faces"
    return ""


def measure_under(protocol: Protocol, faces: Predictions) -> dict:
    """The audited figures of the faces that the protocol measures, as `summarise` gives them; intervals of NME alone."""
    chosen = protocol.covers(faces.subsets)
    subsets = [names for names, covered in zip(faces.subsets, chosen, strict=True) if covered]
    relative = protocol.relative_errors(
        faces.predicted[chosen], faces.truth[chosen], faces.scheme, faces.annotated[chosen]
    )
    metrics = summarise(relative, subsets, faces.scheme, protocol, intervals=("nme",))
    complete = bool(np.isfinite(relative).all())
    checked = audit(metrics, Evidence(protocol.face_nme(relative), subsets, complete))
    return {**metrics, "audit": {"checked": checked}}


def rescore_faces(faces: Predictions) -> tuple[list[dict], dict[str, str]]:
    """Figures under every protocol that fits, and name -> reason of those that do not; in the order of their names.

    Raises:
        ValueError: There are no faces, or one that no protocol can measure.
    """
    if not len(faces.truth):
        raise ValueError("no faces to measure")
    fitting = (protocol.with_mirrored() if faces.mirrored else protocol for protocol in PROTOCOLS.values())
    known = {protocol.name: protocol for protocol in fitting}
    reasons = {name: reason_against(protocol, faces) for name, protocol in known.items()}
    results = [measure_under(known[name], faces) for name, reason in reasons.items() if not reason]
    left_out = {name: reason for name, reason in reasons.items() if reason}
    if not results:
        raise ValueError("no protocol fits: " + "; ".join(f"{name} is {reason}" for name, reason in left_out.items()))
    return results, left_out


def rescore(path: Path, out: Path) -> None:
    """Measures the predictions of an errors.parquet under every protocol that fits; writes and prints the table.

    Raises:
        ValueError: The file cannot be read or measured.
    """
    faces = load_predictions(path)
    results, left_out = rescore_faces(faces)
    rows = list(rows_of(results))
    write_csv(out / "rescored.csv", list(rows[0]), (row.values() for row in rows))
    with whole_file(out / "rescored.md") as partial:
        partial.write_text(markdown(rows, left_out), encoding="utf-8")
    source = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "dataset": ",".join(faces.datasets),
        "scheme": faces.scheme.name,
        "box": faces.box,
    }
    page = {"errors": source, "rows": rows, "left_out": left_out, "audit": audits(results)}
    with whole_file(out / "rescored.json") as partial:
        partial.write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console = Console(highlight=False)
    console.print(terminal_table(rows))
    said = f"{len(faces.truth)} faces of {', '.join(faces.datasets)} ({faces.scheme.name}), crops around the {faces.box} box"
    console.print(Text(f"\n{said}"))
    for reason, names in grouped(left_out).items():
        console.print(Text(f"left out: {', '.join(names)}: {reason}"), soft_wrap=False)
    console.print(Text(f"rescore: under {len(results)} protocols: {out / 'rescored.md'}"))


def audits(results: list[dict]) -> dict[str, list[str]]:
    """Protocol -> the identities that its figures satisfy."""
    return {metrics["protocol"]["name"]: metrics["audit"]["checked"] for metrics in results}


def main(errors: Path, out: Path | None = None) -> None:
    """Measures the predictions in ERRORS, an errors.parquet, under every protocol that fits.

    Writes rescored.csv, rescored.json and rescored.md to OUT (beside the file, if not given). Takes seconds and no model.
    """
    rescore(errors, out or errors.parent)


if __name__ == "__main__":
    command.run(main)
