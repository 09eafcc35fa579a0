"""The page of an evaluation: how good, where on the face, and on which faces not.

Reads the metrics and the table of errors as `pipelines.evaluate` makes them; writes one HTML file that needs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from components.drawing import draw_face_pair
from components.geometry import apply
from components.schemes import SCHEMES, Scheme
from pipelines.new_data.drift import Drift
from pipelines.new_data.table import cells, header
from pipelines.pages.curves import curve_figures
from pipelines.pages.plots import ced_figure, face_figure, inline_jpeg, inline_svg, write_page
from pipelines.pages.pose import by_yaw
from pipelines.pages.sure import section
from pipelines.scoring.sure import Errors

Pictures = Callable[[str], tuple[np.ndarray, np.ndarray]]

NUM_SHOWN = 6
# Pictures are encoded this large, px, and shown at about half of it or less: sharp on dense screens, small in bytes.
SIDE = 420
MAX_CURVES = 8

# Names of landmarks begin with what they belong to: right_brow_3, nostrils_0, pupil_1.
GROUPS = {"jaw": "jaw", "brow": "brows", "nos": "nose", "eye": "eyes", "pupil": "eyes", "lip": "lips", "mouth": "lips"}


def write_report(
    path: Path,
    title: str,
    metrics: dict,
    errors: pa.Table,
    pictures: Pictures,
    facts: dict[str, str],
    drifts: Sequence[Drift] = (),
    sure: Errors | None = None,
    curves: dict[str, np.ndarray] | None = None,
) -> None:
    """Writes the report.

    Args:
        path: The HTML file.
        title: Its headline.
        metrics: As in `metrics.json`; NMEs, rates and areas are fractions.
        errors: One row per face, landmarks in image px.
        pictures: Face -> its crop (H, W, 3) uint8 RGB and the affine (2, 3), image px -> crop px.
        facts: What the numbers came from, in the order to show.
        drifts: What the training faces of several datasets are like, beside each other.
        sure: Expected errors beside those that came out; None where the model does not know what to expect.
        curves: How the training went, as `read_curves` gives it; None where that is not known.
    """
    scheme = SCHEMES[metrics["scheme"]]
    known = metrics["landmarks"]
    by_landmark = {name: float(known[name]) for name in scheme.names if known[name] is not None}
    landmark_errors = np.array([by_landmark.get(name, np.nan) for name in scheme.names])
    shown, threshold = ced_curves(errors), metrics["protocol"]["failure_threshold"]
    ced, truth = ced_figure(shown, threshold), _points(errors, "landmarks")
    face = face_figure(mean_shape(truth, scheme), landmark_errors, scheme)
    write_page(
        path,
        "report.html",
        title=title,
        metrics=metrics,
        num_hidden_curves=len(_subset_names(errors)) + 1 - len(shown),
        ced=inline_svg(ced, "ced", "Cumulative error distribution with the failure threshold"),
        face=inline_svg(face, "face", "Mean error of each landmark on the mean face"),
        groups=landmark_groups(by_landmark),
        landmarks=sorted(by_landmark.items(), key=lambda item: -item[1]),
        yaw=by_yaw(truth, errors["nme"].to_numpy(), scheme, threshold),
        curves=_curves(curves) if curves else (),
        galleries=galleries(errors, pictures, scheme),
        facts=facts,
        sure=section(sure) if sure else None,
        drifts=[{"header": header(drift), "rows": [cells(shift) for shift in drift.shifts]} for drift in drifts],
    )


def _curves(curves: dict[str, np.ndarray]) -> list[Markup]:
    said = ("Training loss by epoch", "Validation NME by epoch")
    return [inline_svg(figure, f"curve{i}", said[i]) for i, figure in enumerate(curve_figures(curves))]


def ced_curves(errors: pa.Table) -> dict[str, np.ndarray]:
    """The NMEs of all faces, then of the largest subsets: as many curves as an eye can tell apart."""
    nme, subsets = errors["nme"].to_numpy(), errors["subsets"].to_pylist()
    members = {name: nme[[name in (of or []) for of in subsets]] for name in _subset_names(errors)}
    largest = sorted(members, key=lambda name: -len(members[name]))[: MAX_CURVES - 1]
    return {"all faces": nme, **{f"{name} ({len(members[name]):,})": members[name] for name in sorted(largest)}}


def _subset_names(errors: pa.Table) -> list[str]:
    return sorted({name for subsets in errors["subsets"].to_pylist() for name in subsets or []})


def mean_shape(landmarks: np.ndarray, scheme: Scheme) -> np.ndarray:
    """The mean face: upright, the middle of the eyes at 0, the outer eye corners 1 apart.

    Each face z (its landmarks as complex numbers about the middle of its eyes, e the vector between its outer eye
    corners) is taken for e * m plus noise that grows with the face's size s; the mean face is the least-squares
    m = sum(conj(e) * z / s^2) / sum(|e|^2 / s^2). Dividing each face by its e instead would let one profile, whose
    eye corners nearly meet, spoil the mean.

    A landmark's mean is over the faces that have it and both eye corners.

    Args:
        landmarks: (N, K, 2), (x, y), image px; NaN where a landmark has no position.

    Returns:
        (K, 2), (x, y), inter-ocular distances; NaN for a landmark that no such face has.
    """
    right, left = scheme.inter_ocular
    points = landmarks[..., 0] + 1j * landmarks[..., 1].astype(np.float64)
    eyes = (points[:, left] - points[:, right])[:, None]
    centred = points - (points[:, [left]] + points[:, [right]]) / 2
    known = np.isfinite(centred)
    centred, eyes = np.where(known, centred, 0), np.where(np.isfinite(eyes), eyes, 0)
    size = np.sum(np.abs(centred) ** 2, axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    weight = known / np.maximum(size, 1e-12)
    total = np.maximum(np.sum(weight * np.abs(eyes) ** 2, axis=0), 1e-12)
    mean = np.where(known.any(axis=0), np.sum(weight * np.conj(eyes) * centred, axis=0) / total, np.nan)
    return np.stack([mean.real, np.where(np.isnan(mean), np.nan, mean.imag)], axis=-1)


def landmark_groups(by_landmark: dict[str, float]) -> list[dict]:
    """The mean error of jaw, brows, nose, eyes and lips (fractions), the worst group first."""
    groups: dict[str, dict[str, float]] = {}
    for name, error in by_landmark.items():
        group = next((GROUPS[part] for part in GROUPS if part in name), name.rsplit("_", 1)[0])
        groups.setdefault(group, {})[name] = error
    rows = [
        {
            "name": group,
            "count": len(of),
            "mean": float(np.mean(list(of.values()))),
            "worst": max(of, key=of.__getitem__),
        }
        for group, of in groups.items()
    ]
    return sorted(rows, key=lambda row: -row["mean"])


def galleries(errors: pa.Table, pictures: Pictures, scheme: Scheme) -> list[dict]:
    """The worst, the middle and the best faces, drawn; faces without a finite NME are the worst."""
    order = np.argsort(np.nan_to_num(errors["nme"].to_numpy(), nan=np.inf), kind="stable")
    middle = max(0, (len(order) - NUM_SHOWN) // 2)
    chosen = {"Worst": order[::-1][:NUM_SHOWN], "Median": order[middle : middle + NUM_SHOWN], "Best": order[:NUM_SHOWN]}
    drawn = {
        i: tile(errors.slice(i, 1), pictures, scheme) for i in sorted({int(i) for of in chosen.values() for i in of})
    }
    return [{"name": name, "tiles": [drawn[int(i)] for i in of]} for name, of in chosen.items()]


def tile(row: pa.Table, pictures: Pictures, scheme: Scheme) -> dict:
    """One face drawn, with what stands under it."""
    face = row["face"][0].as_py()
    pixels, affine = pictures(face)
    truth, predicted = (apply(affine, _points(row, column)[0]) for column in ("landmarks", "predicted"))
    image = draw_face_pair(pixels, truth, predicted, scheme, scale=SIDE / max(pixels.shape[:2]))
    return {
        "face": face,
        "nme": row["nme"][0].as_py(),
        "confidence": float(np.mean(row["confidence"][0].as_py())),
        "subsets": row["subsets"][0].as_py() or [],
        "source": inline_jpeg(image),
    }


def _points(table: pa.Table, column: str) -> np.ndarray:
    """A column of flat landmarks -> (N, K, 2)."""
    return pc.list_flatten(table[column]).to_numpy().reshape(table.num_rows, -1, 2)
