"""Readers of public formats. A dataset is one file and one line here.

`DATASETS[name].read(root)` yields an `Annotation` per face.
"""

from components.datasets.base import Dataset, Record
from components.datasets.csvfile import CSV
from components.datasets.ibug300w import IBUG300W
from components.datasets.synthetic import SYNTHETIC

DATASETS: dict[str, Dataset] = {
    "300w": IBUG300W,
    "csv": CSV,
    "synthetic": SYNTHETIC,
}

__all__ = ["DATASETS", "Dataset", "Record"]
