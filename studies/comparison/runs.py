"""One training of the comparison: a folder with its recipe, model and predictions, whole or not there at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from pipelines.params import Params, load_params
from pipelines.runtime.outputs import whole_folder
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import BATCH, Predictor
from studies.inputs.crops import read_crops

PARAMS, MODEL, CURVES, PREDICTED, SECONDS = "params.yaml", "model", "curves.csv", "predicted.npy", "seconds.json"


@dataclass(frozen=True)
class Run:
    """A variant trained with a seed, in a folder of its own below `out`."""

    out: Path
    variant: str
    seed: int

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        return self.out / f"{self.variant.replace(', ', '_').replace(' ', '_').replace('-', '_')}_{self.seed}"

    @property
    def log(self) -> Path:
        """What the training says; beside the folder, since it is of use where there is none."""
        return self.folder.with_suffix(".log")

    @property
    def done(self) -> bool:
        return (self.folder / PREDICTED).is_file()

    @property
    def seconds(self) -> float:
        """Of the training alone."""
        return json.loads((self.folder / SECONDS).read_text(encoding="utf-8"))

    def params(self) -> Params:
        return load_params(self.folder / PARAMS)

    def predicted(self, faces: pa.Table) -> np.ndarray:
        """Landmarks (N, K, 2), (x, y), image px, of these faces.

        Raises:
            ValueError: They are not the faces that it was tested on.
        """
        predicted = np.load(self.folder / PREDICTED)
        if len(predicted) != len(faces):
            raise ValueError(f"{self.folder} was tested on {len(predicted)} faces, not on these {len(faces)}")
        return predicted

    def train(self, params: Params, crops: Path) -> None:
        """Trains in a process of its own, then predicts the test faces.

        Raises:
            ValueError: The training failed; with its last word.
        """
        began = time.monotonic()
        with whole_folder(self.folder) as partial:
            text = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False)
            (partial / PARAMS).write_text(text, encoding="utf-8")
            self._train(crops, partial)
            (partial / SECONDS).write_text(json.dumps(time.monotonic() - began), encoding="utf-8")
            table = predict_each(Predictor(str(partial / MODEL)), read_crops(crops, "test", params))
            np.save(partial / PREDICTED, from_column(table, "predicted", params.model().scheme.num_landmarks, 2))
        print(f"comparison: {self}: {time.monotonic() - began:.0f} s", flush=True)

    def _train(self, crops: Path, folder: Path) -> None:
        words = ["-m", "pipelines.train", crops, folder / MODEL, folder / CURVES, "--params", folder / PARAMS]
        with self.log.open("w", encoding="utf-8") as log:
            code = subprocess.call([sys.executable, *map(str, words)], stdout=log, stderr=subprocess.STDOUT)
        if code:
            lines = self.log.read_text(encoding="utf-8").strip().splitlines() or [f"it ended with {code}"]
            raise ValueError(f"{self}: {lines[-1]} (all that it said is in {self.log})")


def predict_each(predictor: Predictor, faces: pa.Table) -> pa.Table:
    """Rows of `prediction_schema`, in this process, some faces at a time."""
    return pa.concat_tables([predictor.predict(faces.slice(first, BATCH)) for first in range(0, len(faces), BATCH)])
