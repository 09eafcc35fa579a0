"""Every case as a row of floors.csv: what decides its result, and what was measured."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from components.codecs import Codec, Hih
from pipelines.runtime.tables import write_csv
from studies.floors.cases import Case
from studies.floors.measure import Floor, Floors

CODEC_COLUMNS = ("bins", "decimal", "decimal_sigma", "decimal_head", "decoder", "sigma", "window", "temperature")


def write_rows(path: Path, floors: Floors) -> None:
    """floors.csv, a row per case."""
    rows = [row_of(case, floor) for case, floor in floors.items()]
    write_csv(path, list(rows[0]), (row.values() for row in rows))


def row_of(case: Case, floor: Floor) -> dict[str, object]:
    """What a case's row says; None for what does not decide its result. Errors in cells."""
    codec = case.codec
    facts = {name: value for name, value in asdict(codec).items() if _counts(codec, name)}
    numbers = {f"{name}_cells": value for name, value in floor._asdict().items() if name != "nme"}
    percent = None if floor.nme is None else 100 * floor.nme
    return {
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
