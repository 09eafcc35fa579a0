"""The faces that a version was measured on, with their pictures: those of the crops that this checkout holds."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from pipelines.params import Params, load_params
from pipelines.registry import tracking
from pipelines.runtime.environment import ROOT
from pipelines.scoring.held_out import faces_to_measure

PARAMS = "provenance/params.yaml"


def params_file(client: tracking.MlflowClient, run: str, what: str, to: Path) -> Path:
    """The params that a run was made with, fetched into a folder.

    Raises:
        ValueError: It does not have them any more; names what the run is of.
    """
    kept = tracking.fetch(client, run, PARAMS, to)
    if kept is None:
        raise ValueError(f"the run of {what} has no {PARAMS} any more")
    return kept


def params_of(client: tracking.MlflowClient, run: str, what: str) -> Params:
    """The same, read.

    Raises:
        ValueError: It does not have them any more, or they are of a later or an earlier code, with other keys.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = params_file(client, run, what, Path(folder))
        try:
            return load_params(kept)
        except ValueError as error:
            raise ValueError(f"{PARAMS} of the run of {what}: {str(error).removeprefix(f'{kept}: ')}") from error


def pictured(params: Params, measured: Collection[str]) -> pa.Table:
    """The rows of the crops of a recipe's test faces.

    Raises:
        ValueError: This checkout holds none, or others than were measured.
    """
    crops = ROOT / "artifacts" / params.name / "crops"
    faces = faces_to_measure(crops, params)
    absent = set(measured) - set(faces.column("face").to_pylist())
    if absent:
        raise ValueError(
            f"{crops.relative_to(ROOT)} holds other test faces than were measured ({min(absent)} is missing): the page needs their "
            "pictures; `heatmark reproduce` makes a version's data again"
        )
    return faces
