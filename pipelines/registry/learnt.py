"""From which faces a model was made, as its recipes held others out; and what of them a training that starts from it would hold out.

training.json beside a saved model has a record for each training that made its weights, its own first, then those before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from components.configuration import parse_json
from pipelines.params import SAME_PHOTOGRAPHS, Params

TRAINING = "training.json"
LEARNT = "learnt_from"


class Learnt(NamedTuple):
    """Of one training.

    Attributes:
        readers: Of its datasets, by name.
        all_of: Names of those of which nothing was held out.
        test_share: Of the subjects, where a benchmark has no test faces of its own.
        val_share: Of the subjects.
    """

    readers: dict[str, str]
    all_of: list[str]
    test_share: float
    val_share: float


RECORDS = TypeAdapter(list[Learnt])


def record(params: Params) -> Learnt:
    """What a training by these params learns from."""
    sources = params.datasets.items()
    return Learnt(
        {name: source.reader for name, source in sources},
        [name for name, source in sources if not source.held_out],
        params.ingest.test_share,
        params.ingest.val_share,
    )


def facts(params: Params, start: Path | None) -> dict[str, list[dict[str, Any]]]:
    """For training.json: of a training, after those that made the saved model in the folder that it starts from, if any."""
    return {LEARNT: [each._asdict() for each in (record(params), *(records(start) if start else ()))]}


def records(folder: Path) -> list[Learnt]:
    """Of the saved model in a folder; none where nobody wrote them down.

    Raises:
        ValueError: training.json is damaged.
    """
    path = folder / TRAINING
    said = parse_json(path.read_text(encoding="utf-8")) if path.is_file() else {}
    try:
        return RECORDS.validate_python(said.get(LEARNT, []) if isinstance(said, dict) else None)
    except ValidationError as error:
        raise ValueError(f"{path} is damaged: {error.errors()[0]['msg']}") from error


def held_out_here(source: str, folder: Path, params: Params) -> list[str]:
    """Sentences about validation faces that the model in the folder may have learnt from.

    Args:
        source: What to call that model.
        folder: With its training.json.
        params: Of the training that starts from it.

    Raises:
        ValueError: It learnt from test faces of these params, so that they would measure memory; or training.json is damaged.
    """
    own, before = record(params), records(folder)
    if wrong := [said for learnt in before for said in _tested(learnt, own)]:
        raise ValueError(
            f"{source} has learnt from faces that would be test faces here: {'; '.join(dict.fromkeys(wrong))}. Name another model in "
            "train.start_from, or hold out no more than it did"
        )
    seen = any(_same(learnt, own) and _validated(learnt, own) for learnt in before)
    return (
        ["that was trained on some of the faces that are validation faces here: their NME is too low"] if seen else []
    )


def _same(learnt: Learnt, own: Learnt) -> list[str]:
    """Names of datasets that both have, and that are held out here."""
    return [
        name for name, reader in own.readers.items() if learnt.readers.get(name) == reader and name not in own.all_of
    ]


def _validated(learnt: Learnt, own: Learnt) -> bool:
    return own.test_share + own.val_share > learnt.test_share + learnt.val_share + 1e-9


def _tested(learnt: Learnt, own: Learnt) -> Iterator[str]:
    for name in _same(learnt, own):
        if name in learnt.all_of:
            yield f"of {name} nothing was held out there"
        elif own.test_share > learnt.test_share:
            yield f"ingest.test_share is {learnt.test_share:g} there and {own.test_share:g} here"
    held_out = {reader for name, reader in own.readers.items() if name not in own.all_of}
    for pair in SAME_PHOTOGRAPHS:
        for theirs, ours in (pair, pair[::-1]):
            if theirs in learnt.readers.values() and ours in held_out:
                yield f"{theirs} and {ours} have the same photographs, split differently"
