"""What does a perfect network lose by each codec, decoder, sigma, window, temperature, map size and precision?

    python -m studies.floors [OUT] [--annotations FILE | --dataset NAME --folder FOLDER] [--scheme NAME] [--protocol NAME]

Reads nothing, or the landmarks of any faces. Writes floors.csv (a row per case), floors.md (the essential rows) and
floors.png, with the closed forms drawn in. Positions are spread without chance: equal calls give equal files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from pipelines.runtime import command
from studies.floors.cases import all_cases
from studies.floors.faces import USUAL, load_faces
from studies.floors.figure import write_figure
from studies.floors.measure import NUM_POSITIONS, Floors, measure_all
from studies.floors.rows import write_rows
from studies.floors.table import print_table, write_table


def write_floors(floors: Floors, about: str, out: Path) -> None:
    """floors.csv, floors.md and floors.png in a folder."""
    write_rows(out / "floors.csv", floors)
    write_table(out / "floors.md", floors, about)
    write_figure(out / "floors.png", floors, about)


def main(
    out: Annotated[Path, typer.Argument(help="Folder for floors.csv, floors.md and floors.png.")] = Path(
        "reports/floors"
    ),
    annotations: Annotated[Path | None, typer.Option(help="Faces: a table that ingest wrote.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Faces: the reader of --folder.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Faces: a dataset as it was unpacked.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Of the faces; the dataset's usual one, if not given.")] = None,
    protocol: Annotated[str, typer.Option(help="What the NME of faces is divided by.")] = USUAL,
    expand: Annotated[float, typer.Option(help="Side of a face's crop, in longer sides of its box.")] = 1.2,
    num_faces: Annotated[int, typer.Option(help="How many are measured at most, evenly chosen.")] = 200,
    num_positions: Annotated[int, typer.Option(help="On the map, for each case.", min=1)] = NUM_POSITIONS,
) -> None:
    """Measures what perfect networks lose; writes a table and a figure to OUT.

    With faces (--annotations, or --dataset and --folder), in per cent of the NME as well.
    """
    torch.set_num_threads(1)
    faces = load_faces(annotations, dataset, folder, scheme, protocol, expand, num_faces)
    floors = measure_all(all_cases(), faces, num_positions)
    about = faces.about if faces else ""
    write_floors(floors, about, out)
    print_table(floors, about)
    print(f"floors: {len(floors)} cases: {out / 'floors.csv'}, {out / 'floors.md'}, {out / 'floors.png'}")


if __name__ == "__main__":
    command.run(main)
