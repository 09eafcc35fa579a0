"""A first look at a dataset's folder, before it is copied and versioned: can its reader read a face of it?"""

from __future__ import annotations

from pathlib import Path

from components.datasets import DATASETS, Dataset, Record
from components.schemes import SCHEMES, Scheme
from pipelines.params import SourceParams


def first_look(folder: Path, source: SourceParams) -> None:
    """Lists a folder by the reader of one of a recipe's datasets, and reads faces until one is good; it needs no Ray.

    Raises:
        ValueError: The folder holds nothing that the reader knows, or no face that it can read; says why the first one is none.
    """
    dataset, scheme = DATASETS[source.reader], SCHEMES[source.scheme]
    first: Exception | None = None
    for record in dataset.records(folder, scheme):
        try:
            read(dataset, folder, scheme, record)
        except (ValueError, OSError, RecursionError) as error:  # ingest rejects this one, and keeps its neighbours
            first = first or error
        else:
            return
    raise ValueError(f"{folder} holds no face that reader {source.reader} can read; the first: {first}")


def read(dataset: Dataset, folder: Path, scheme: Scheme, record: Record) -> None:
    """Reads one face, and its picture.

    Raises:
        ValueError: With the reason why it cannot be read.
    """
    if record.problem:
        raise ValueError(f"{record.where}: {record.problem}")
    dataset.picture(folder, dataset.parse(folder, scheme, record).image)
