"""One training of a study: a folder with its recipe, model, curves and predictions, whole or not there at all."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import yaml

from pipelines.params import Params, load_params
from pipelines.runtime.outputs import alone, whole_folder
from studies.trainings.one import CURVES, MODEL, PARAMS, PREDICTED, SECONDS


class Children:
    """Processes that end together: once they were stopped, none is begun any more."""

    def __init__(self) -> None:
        self.begun: list[subprocess.Popen] = []
        self.stopped, self.lock = False, Lock()

    def begin(self, words: list[str], **how: Any) -> subprocess.Popen:
        """Begins one more, in whatever thread.

        Raises:
            ValueError: They were stopped.
        """
        with self.lock:
            if self.stopped:
                raise ValueError("stopped before it was begun")
            self.begun.append(subprocess.Popen(words, **how))
            return self.begun[-1]

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            for child in self.begun:
                child.terminate()


@dataclass(frozen=True)
class Run:
    """What is called so trained with a seed, in a folder of its own below `out`."""

    out: Path
    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        return self.out / f"{self.name.replace(', ', '_').replace(' ', '_').replace('-', '_')}_{self.seed}"

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def log(self) -> Path:
        """What the training says; beside the folder, since it is of use where there is none."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def done(self) -> bool:
        return (self.folder / PREDICTED).is_file()

    @property
    def seconds(self) -> float | None:
        """Of the training, from its start to its model; None where it went on from a checkpoint."""
        return json.loads((self.folder / SECONDS).read_text(encoding="utf-8"))

    @property
    def val_nme(self) -> float:
        """Of the best checkpoint, a fraction."""
        with (self.folder / CURVES).open(encoding="utf-8", newline="") as file:
            return min(float(row["val_nme"]) for row in csv.DictReader(file))

    def params(self) -> Params:
        return load_params(self.folder / PARAMS)

    def check(self, params: Params) -> None:
        """Refuses a run that was trained otherwise.

        Raises:
            ValueError: By another recipe.
        """
        if self.params() != params:
            raise ValueError(f"{self.folder} was trained by another recipe or for other epochs: choose another OUT")

    def predicted(self, num_faces: int) -> np.ndarray:
        """Landmarks (N, K, 2), (x, y), image px, of the test faces.

        Raises:
            ValueError: There were not so many.
        """
        predicted = np.load(self.folder / PREDICTED)
        if len(predicted) != num_faces:
            raise ValueError(f"{self.folder} was tested on {len(predicted)} faces, not on these {num_faces}")
        return predicted

    def train(self, params: Params, crops: Path, children: Children) -> None:
        """Trains in a process of its own, one of `children`.

        Raises:
            ValueError: The training failed, with its last word; or another process makes it.
        """
        busy = f"{self.folder} is being trained by another process"
        with alone(self.log, busy), whole_folder(self.folder) as partial:
            text = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False)
            (partial / PARAMS).write_text(text, encoding="utf-8")
            words = [sys.executable, "-m", "studies.trainings.one", str(crops), str(partial)]
            with self.log.open("w", encoding="utf-8") as log:
                child = children.begin(words, stdout=log, stderr=subprocess.STDOUT)
            if code := child.wait():
                lines = self.log.read_text(encoding="utf-8").strip().splitlines() or [f"it ended with {code}"]
                raise ValueError(f"{self}: {lines[-1]} (all that it said is in {self.log})")
        print(f"{self}: {shown(self.seconds)}, val NME {self.val_nme:.2%}", flush=True)


def shown(seconds: float | None) -> str:
    """How long a training took, where that is known."""
    return "not timed: resumed" if seconds is None else f"{seconds:.0f} s"


def mean_time(runs: Iterable[Run]) -> str:
    """Of the runs' trainings, as it is shown."""
    seconds = [run.seconds for run in runs]
    known = [each for each in seconds if each is not None]
    return shown(sum(known) / len(known) if len(known) == len(seconds) else None)


def train_all(wanted: Mapping[Run, tuple[Params, Path]], at_once: int) -> None:
    """Trains what is not done, some side by side; each by its recipe, on its crops. A stop of this process stops them all.

    Raises:
        ValueError: One that is done was trained by another recipe, which is said before any work; or a training failed.
    """
    for run, (params, _) in wanted.items():
        if run.done:
            run.check(params)
    children = Children()
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(run.train, *how, children) for run, how in wanted.items() if not run.done]
        try:
            for job in jobs:
                job.result()
        except BaseException as stopped:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(stopped, KeyboardInterrupt):
                children.stop()
            raise
