"""Floors: what a perfect network loses by each codec, decoder, sigma, window, temperature, map size and precision.

Reads nothing, or the landmarks of any faces. Writes floors.csv (a row per case), floors.md (the essential rows) and
floors.png, with the closed forms drawn in. Positions are spread without chance: equal calls give equal files.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from components.codecs import Codec, Hih
from components.crops import crop_affine
from components.geometry import apply, invert
from components.metrics import PROTOCOLS, nme
from components.samples import Box
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.progress import Progress
from studies.floors.cases import Case, Floor, Floors, all_cases
from studies.floors.faces import Faces, load_faces
from studies.floors.figure import write_figure
from studies.floors.measure import floor_cells, reach, read_back, spread_positions
from studies.floors.table import print_table, write_table

# Spread evenly: means to four digits, where random ones give two.
NUM_POSITIONS, NUM_BORDER_POSITIONS = 10_000, 1_000
PROTOCOL = PROTOCOLS["inter_ocular"]


def measure_case(case: Case, faces: Faces | None = None) -> Floor:
    """The floor of one case, on the map and on faces."""
    side, border = case.codec.side, reach(case.codec)
    low, inner, high = -0.5, border - 0.5, side - 0.5
    positions = spread_positions(NUM_POSITIONS, (low, low), (high, high))
    errors = floor_cells(case.codec, case.precision, positions)
    lengths = np.linalg.norm(errors, axis=1)
    inside = np.all((positions >= inner) & (positions < side - 0.5 - border), axis=1)
    bias = errors[inside if inside.any() else slice(None)].mean(axis=0)
    edge = corner = None
    if border > 0 and inside.any():
        edge = _border_mean(case, (low, inner), (inner, side - 0.5 - border))
        corner = _border_mean(case, (low, low), (inner, inner))
    return Floor(
        whole=float(lengths.mean()),
        inside=float(lengths[inside].mean()) if inside.any() else None,
        edge=edge,
        corner=corner,
        bias_x=float(bias[0]),
        bias_y=float(bias[1]),
        worst=float(lengths.max()),
        nme=face_floor(case, faces) if faces else None,
    )


def _border_mean(case: Case, low: tuple[float, float], high: tuple[float, float]) -> float:
    """The mean error over a rectangle and over its mirror image in the diagonal: along x and along y, cells."""
    positions = spread_positions(NUM_BORDER_POSITIONS, low, high)
    both = np.concatenate([positions, positions[:, ::-1]])
    return float(np.linalg.norm(floor_cells(case.codec, case.precision, both), axis=1).mean())


def face_floor(case: Case, faces: Faces) -> float:
    """The mean NME, a fraction, of faces whose landmarks went through their crops and the codec.

    Raises:
        ValueError: A face has no box or no normaliser.
    """
    truth = faces.landmarks
    boxes = [Box.around(face[np.isfinite(face).all(axis=1)]) for face in truth]
    affines = np.stack([crop_affine(box, case.codec.crop, faces.expand) for box in boxes])
    cropped = apply(affines, truth)
    back = read_back(case.codec, case.precision, cropped.reshape(-1, 2)).reshape(truth.shape)
    return float(nme(apply(invert(affines), back), truth, PROTOCOL.normalise(truth, faces.scheme)).mean())


def measure_all(cases: list[Case], faces: Faces | None) -> Floors:
    """The floor of every case."""
    progress, floors = Progress("floors", len(cases), "cases"), {}
    for case in cases:
        floors[case] = measure_case(case, faces)
        progress.advance(1)
    return floors


CODEC_COLUMNS = ("bins", "decimal", "decimal_sigma", "decimal_head", "decoder", "sigma", "window", "temperature")


def csv_rows(floors: Floors) -> Iterable[dict[str, object]]:
    """A row per case; what does not decide its result is left blank. Errors in cells."""
    for case, floor in floors.items():
        codec = case.codec
        facts = {name: value for name, value in asdict(codec).items() if _counts(codec, name)}
        numbers = {f"{name}_cells": value for name, value in floor._asdict().items() if name != "nme"}
        percent = None if floor.nme is None else 100 * floor.nme
        yield {
            "codec": type(codec).__name__.lower(),
            **{name: facts.get(name) for name in CODEC_COLUMNS},
            "cells": codec.side,
            "precision": case.precision,
            **{name: None if value is None else round(value, 7) for name, value in numbers.items()},
            "nme_percent": None if percent is None else round(percent, 5),
        }


def _counts(codec: Codec, field: str) -> bool:
    """Whether a field of the codec has a part in what is read off its maps."""
    if isinstance(codec, Hih):
        return codec.decimal_head == "conv" or field not in ("decimal", "decimal_sigma", "decoder")
    windowed = ("soft_argmax", "expectation")
    return {"window": codec.decoder in windowed, "temperature": codec.decoder == "soft_argmax"}.get(field, True)


def write_csv(path: Path, floors: Floors) -> None:
    rows = list(csv_rows(floors))
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_floors(floors: Floors, about: str, out: Path) -> None:
    """floors.csv, floors.md and floors.png in a folder."""
    write_csv(out / "floors.csv", floors)
    write_table(out / "floors.md", floors, about)
    write_figure(out / "floors.png", floors, about)


def main(
    out: Annotated[Path, typer.Argument()] = Path("reports/floors"),
    annotations: Path | None = None,
    dataset: str | None = None,
    folder: Path | None = None,
    scheme: str | None = None,
    expand: float = 1.2,
    num_faces: int = 200,
) -> None:
    """Measures what perfect networks lose; writes a table and a figure to OUT.

    With faces (--annotations of `pipelines.ingest`, or --dataset and --folder), in per cent of the NME as well.
    """
    torch.set_num_threads(1)
    faces = load_faces(annotations, dataset, folder, scheme, expand, num_faces)
    floors = measure_all(all_cases(), faces)
    about = faces.about if faces else ""
    write_floors(floors, about, out)
    print_table(floors, about)
    print(f"floors: {len(floors)} cases: {out / 'floors.csv'}, {out / 'floors.md'}, {out / 'floors.png'}")


if __name__ == "__main__":
    command.run(main)
