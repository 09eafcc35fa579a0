"""Readers of public formats. A dataset is one file and one line here.

`DATASETS[name].read(root)` yields an `Annotation` per face.
"""

from components.datasets.aflw19 import AFLW19
from components.datasets.base import Dataset, Record
from components.datasets.cofw import COFW
from components.datasets.cofw68 import COFW68
from components.datasets.csvfile import CSV
from components.datasets.ibug300w import IBUG300W
from components.datasets.ibug300w_lp import IBUG300W_LP
from components.datasets.merl_rav import MERL_RAV
from components.datasets.synthetic import SYNTHETIC
from components.datasets.wflw import WFLW

DATASETS: dict[str, Dataset] = {
    "300w": IBUG300W,
    "300w_lp": IBUG300W_LP,
    "aflw19": AFLW19,
    "cofw": COFW,
    "cofw68": COFW68,
    "csv": CSV,
    "merl_rav": MERL_RAV,
    "synthetic": SYNTHETIC,
    "wflw": WFLW,
}

__all__ = ["DATASETS", "Dataset", "Record"]
