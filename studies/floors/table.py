"""The essential rows of the quantisation study as tables, in the terminal and as Markdown; both from the same cells."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.runtime.outputs import whole_file
from studies.floors.cases import (
    CONTENDERS,
    CROP,
    SIGMA,
    SIZED,
    STRIDES,
    TEMPERATURES,
    WINDOW_SIGMAS,
    WINDOWS,
    contender,
    global_soft_argmax,
    soft_argmax,
)
from studies.floors.measure import Floors

WIDTH = 80


def number(cells: float | None) -> str:
    """Three digits after the point, four below 0.1; a dash for what there is not."""
    if cells is None:
        return "–"
    return "0" if abs(cells) < 5e-5 else f"{cells:.3f}" if abs(cells) >= 0.1 else f"{cells:.4f}"


def sigma_table(floors: Floors) -> Table:
    """By codec: the error inside the map at three sigmas, in bfloat16, and at the border."""
    table = _table("Mean error, cells of 64 x 64, inside the map; bf16, edge and corner at σ 1.5", "encode, decode")
    for title in (*(f"σ {sigma:g}" for sigma in WINDOW_SIGMAS), "bf16", "edge", "corner"):
        table.add_column(title, justify="right", no_wrap=True)
    for name in CONTENDERS:
        means = [floors[contender(name, sigma)].mean for sigma in WINDOW_SIGMAS]
        low, at = floors[contender(name, precision="bfloat16")], floors[contender(name)]
        table.add_row(name, *map(number, [*means, low.mean, at.edge, at.corner]))
    everywhere = [floors[global_soft_argmax(sigma)].mean for sigma in WINDOW_SIGMAS]
    table.add_row("soft-argmax, whole map", *map(number, [*everywhere, None, None, None]))
    return table


def window_table(floors: Floors) -> Table:
    """By window and sigma: the error of the soft-argmax at temperature 10, and at the best of those measured."""
    table = _table("Soft-argmax: mean error inside the map, cells of 64 x 64", "window")
    for title in ("σ", "at temperature 10", "at the best", "which is"):
        table.add_column(title, justify="right")
    for window in WINDOWS:
        for sigma in WINDOW_SIGMAS:
            means = {one: floors[soft_argmax(window, one, sigma)].mean for one in TEMPERATURES}
            best = min(means, key=means.__getitem__)
            table.add_row(f"{window} x {window}", f"{sigma:g}", number(means[10.0]), number(means[best]), f"{best:g}")
    return table


def size_table(floors: Floors, about: str) -> Table:
    """By map size: the NME of faces in per cent, or without faces the error in px of the crop, over the whole map."""
    table = _table(
        f"NME, %: {about}" if about else f"Mean error on the whole map, px of a {CROP} px crop", f"σ {SIGMA:g}"
    )
    for stride in STRIDES:
        table.add_column(f"{CROP // stride} cells", justify="right")
    for name in SIZED:
        at = [(stride, floors[contender(name, stride=stride)]) for stride in STRIDES]
        table.add_row(
            name, *(number(stride * floor.whole if floor.nme is None else 100 * floor.nme) for stride, floor in at)
        )
    return table


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    return table


def _tables(floors: Floors, about: str) -> list[Table]:
    return [sigma_table(floors), window_table(floors), size_table(floors, about)]


def print_table(floors: Floors, about: str) -> None:
    """All tables, to the terminal."""
    console = Console(width=WIDTH, highlight=False)
    for table in _tables(floors, about):
        console.print(table)


def write_table(path: Path, floors: Floors, about: str) -> None:
    """All tables, as Markdown."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        console = Console(file=file, width=120, highlight=False, no_color=True)
        print("# What a perfect network loses\n\nBy `python -m studies.floors`.", file=file)
        for table in _tables(floors, about):
            print(f"\n## {table.title}", file=file)
            table.title, table.box, table.pad_edge = None, box.MARKDOWN, True
            console.print(table)
