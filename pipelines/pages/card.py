"""The page of a dataset: what is in it, what was left out, and what it looks like.

Reads the tables of annotations and of rejected rows as `pipelines.ingest` makes them, and the few pictures that the
contact sheet shows; writes one HTML file that needs no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from components import images
from components.drawing import draw_landmarks
from components.pose import roll_deg, yaw_deg
from components.schemes import Scheme
from pipelines.pages.plots import histogram_figure, inline_jpeg, inline_svg, write_page
from pipelines.runtime.tables import splits_shown

NUM_SHEET = 24
NUM_REJECTED = 50
NUM_REASONS = 30
NUM_SUBJECTS = 10
SIDE = 160  # of a face on the contact sheet, px
MARGIN = 0.2  # around the landmarks, in longer sides of their box


def write_card(
    path: Path,
    title: str,
    annotations: pa.Table,
    rejected: pa.Table,
    folder: Path,
    scheme: Scheme,
    licence: str,
    picture: Callable[[Path, str], np.ndarray] = images.read,
    compared: Sequence[tuple[str, int, int]] = (),
) -> None:
    """Writes the card.

    Args:
        path: The HTML file.
        title: Its headline.
        annotations: One row per face, landmarks in image px.
        rejected: One row per face that was left out, with the reason.
        folder: The dataset's folder, which the paths in `annotations` start from.
        scheme: The markup of the landmarks.
        licence: What the faces may be used for.
        picture: (folder, name) -> pixels: the dataset's way to read a picture.
        compared: (split or subset, faces that were read, faces of a complete copy) of a benchmark that has numbers.

    Raises:
        ValueError: A picture of the contact sheet leads out of the folder or cannot be read.
    """
    write_page(
        path,
        "card.html",
        title=title,
        scheme=scheme.name,
        licence=licence,
        totals={**totals(annotations), "rejected": rejected.num_rows},
        splits=_splits(annotations),
        by_split=counts_by_split(annotations),
        by_subset=counts_by_subset(annotations),
        subjects=subject_counts(annotations),
        landmarks=landmark_counts(annotations),
        plots=_plots(annotations, scheme),
        sheet=contact_sheet(annotations, folder, scheme, picture),
        compared=compared,
        partial=any(found != count for _, found, count in compared),
        reasons=Counter(rejected["reason"].to_pylist()).most_common(),
        num_reasons=NUM_REASONS,
        rejected=rejected.slice(0, NUM_REJECTED).to_pylist(),
    )


def totals(annotations: pa.Table) -> dict[str, int]:
    """How many faces, pictures and subjects there are."""
    return {
        "faces": annotations.num_rows,
        "pictures": pc.count_distinct(annotations["image"]).as_py(),
        "subjects": pc.count_distinct(annotations["subject"]).as_py(),
    }


def counts_by_split(annotations: pa.Table) -> dict[str, dict[str, int]]:
    """Split -> how many faces, pictures and subjects it has."""
    return {name: totals(annotations.filter(pc.equal(annotations["split"], name))) for name in _splits(annotations)}


def _splits(annotations: pa.Table) -> list[str]:
    return splits_shown(annotations["split"].unique().to_pylist())


def counts_by_subset(annotations: pa.Table) -> dict[str, Counter[str]]:
    """Subset -> split -> faces; a face can be in several subsets, or in none."""
    counts: dict[str, Counter[str]] = {}
    for split, subsets in zip(annotations["split"].to_pylist(), annotations["subsets"].to_pylist(), strict=True):
        for name in subsets or []:
            counts.setdefault(name, Counter())[split] += 1
    return dict(sorted(counts.items()))


def subject_counts(annotations: pa.Table) -> dict:
    """How many faces a subject has, who has most, and how many are parted between splits (none should be)."""
    subjects = annotations["subject"].to_pylist()
    counts = Counter(subjects)
    in_splits = Counter(name for name, _ in set(zip(subjects, annotations["split"].to_pylist(), strict=True)))
    return {
        "several": sum(count > 1 for count in counts.values()),
        "parted": sum(count > 1 for count in in_splits.values()),
        "median": float(np.median(list(counts.values()) or [0])),
        "most": sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_SUBJECTS],
    }


def landmark_counts(annotations: pa.Table) -> dict[str, tuple[int, int]]:
    """What may surprise a training -> (landmarks, faces with one)."""
    marks = _flat(annotations, "landmarks")
    absent = np.isnan(marks.reshape(len(marks), marks.shape[1] // 2, 2)).any(axis=-1)
    missing = {
        "outside the picture": ~_flat(annotations, "inside") & ~absent,
        "hidden": ~_flat(annotations, "visible"),
        "without a position": absent,
    }
    return {name: (int(of.sum()), int(of.any(axis=1).sum())) for name, of in missing.items()}


def _plots(annotations: pa.Table, scheme: Scheme) -> list[Markup]:
    """The histograms, each split in its own colour."""
    landmarks = _flat(annotations, "landmarks").reshape(annotations.num_rows, scheme.num_landmarks, 2)
    split = np.array(annotations["split"].to_pylist(), dtype=str)
    right, left = (landmarks[:, k] for k in scheme.inter_ocular)
    shown = {
        "inter-ocular distance, px": np.linalg.norm(left - right, axis=-1),
        "yaw (estimate), degrees": yaw_deg(landmarks, scheme),
        "roll, degrees": roll_deg(landmarks, scheme),
    }
    present = [name for name in _splits(annotations) if name in split]
    sides = "sides of the pictures, px"
    figures = {sides: histogram_figure(_picture_sizes(annotations), sides, stacked=False)}
    for name, values in shown.items():
        figures[name] = histogram_figure({part: values[split == part] for part in present}, name)
    return [inline_svg(figures[name], f"plot{i}", f"Histogram: {name}") for i, name in enumerate(figures)]


def _picture_sizes(annotations: pa.Table) -> dict[str, np.ndarray]:
    """Widths and heights, px, once per picture however many faces it has."""
    sizes = {row["image"]: row for row in annotations.select(["image", "width", "height"]).to_pylist()}
    return {side: np.array([row[side] for row in sizes.values()], np.float64) for side in ("width", "height")}


def contact_sheet(
    annotations: pa.Table, folder: Path, scheme: Scheme, picture: Callable[[Path, str], np.ndarray] = images.read
) -> list[dict]:
    """Evenly spread faces, drawn."""
    num_faces = annotations.num_rows
    chosen = sorted(set(np.linspace(0, num_faces - 1, NUM_SHEET).round().astype(int).tolist())) if num_faces else []
    return [_thumbnail(annotations.slice(i, 1), folder, scheme, picture) for i in chosen]


def _thumbnail(row: pa.Table, folder: Path, scheme: Scheme, picture: Callable[[Path, str], np.ndarray]) -> dict:
    """One face cut out of its picture with room around it, and its landmarks."""
    landmarks = _flat(row, "landmarks").reshape(-1, 2)
    image = picture(folder, row["image"][0].as_py())
    square, corner = _square_around(image, landmarks)
    drawn = draw_landmarks(square, landmarks - corner, scheme, scale=SIDE / len(square))
    return {"face": row["face"][0].as_py(), "split": row["split"][0].as_py(), "source": inline_jpeg(drawn)}


def _square_around(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square of whole pixels around the landmarks, gray outside the picture, and the (x, y) of its first pixel."""
    low, high = np.nanmin(landmarks, axis=0), np.nanmax(landmarks, axis=0)
    # At most twice the picture: one stray landmark must not ask for gigabytes.
    side = int(np.clip(np.ceil((1 + 2 * MARGIN) * (high - low).max()), 8, 2 * max(image.shape[:2])))
    x0, y0 = np.floor((low + high) / 2 - side / 2 + 0.5).astype(int)
    square = np.full((side, side, 3), 225, np.uint8)
    inner = image[max(y0, 0) : max(y0 + side, 0), max(x0, 0) : max(x0 + side, 0)]
    top, start = max(-y0, 0), max(-x0, 0)
    square[top : top + inner.shape[0], start : start + inner.shape[1]] = inner
    return square, np.array([x0, y0])


def _flat(table: pa.Table, column: str) -> np.ndarray:
    """A column of lists of one length -> (N, length)."""
    length = table.schema.field(column).type.list_size
    return pc.list_flatten(table[column]).to_numpy().reshape(table.num_rows, length)
