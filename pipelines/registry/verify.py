"""Does a registered version, loaded from the registry in a fresh process, answer as it did when it was evaluated?

Some test faces are logged with a version, with its answers; before it becomes champion, the version as it is kept is asked again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.registry import tracking
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import note_of, read_table, with_note, write_table

NUM_FACES = 10
FOLDER, NAME = "check", "faces.parquet"
TAG = "check_faces"
# Single faces are added up in another order than in the evaluation's batches: that moves an answer by far less.
TOLERANCE_PX = 0.01


def log_faces(run: tracking.Run, faces: pa.Table, errors: pa.Table) -> dict[str, str]:
    """Logs some test faces with the answers to them; returns the tags that say so.

    Args:
        run: That the model is logged in.
        faces: Rows of shards, all test faces.
        errors: errors.parquet, in the same order.
    """
    rows = np.unique(np.linspace(0, len(faces) - 1, NUM_FACES).round().astype(int))
    kept = faces.take(rows).append_column("predicted", errors.column("predicted").take(rows))
    with tempfile.TemporaryDirectory() as folder:
        write_table(with_note(kept, mirrored=note_of(errors).get("mirrored", "no")), Path(folder) / NAME)
        run.log_file(Path(folder) / NAME, FOLDER)
    return {TAG: str(len(rows))}


def verify(registry: tracking.Registry, version: str) -> str:
    """Loads a version in a process of its own, and asks it; returns what there is to say of that.

    Raises:
        ValueError: It cannot be loaded, or its answers are others.
    """
    if TAG not in registry.tags(version):
        return "not checked: it was registered without faces to check it by"
    words = [sys.executable, "-m", "pipelines.registry.verify", registry.name, version]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ValueError(
            f"{registry.name} version {version} does not stand its check: {said[-1].removeprefix('verify: ')}"
        )
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return f"{told['faces']} faces within {told['px']:.4f} px of the evaluation, {told['ms']:.0f} ms a face"


def ask(registry: tracking.Registry, version: str) -> dict[str, float]:
    """Number of faces, largest difference of a coordinate from the evaluation's (px of the image), and time per face (ms).

    Raises:
        ValueError: The model or its faces cannot be fetched, or its answers are others.
    """
    from pipelines.scoring.predict import Predictor

    run = registry.tags(version).get("run_id", "")
    with tempfile.TemporaryDirectory() as folder:
        kept = tracking.fetch(registry.client, run, f"{FOLDER}/{NAME}", Path(folder))
        if kept is None:
            raise ValueError(f"{FOLDER}/{NAME} of run {run} is gone")
        faces = read_table(kept)
        model = registry.model_folder(version, Path(folder) / "model")
        predictor = Predictor(str(model), note_of(faces).get("mirrored") == "yes")
        begun = time.perf_counter()
        found = pa.concat_tables([predictor.predict(faces.slice(row, 1)) for row in range(len(faces))])
        ms = 1000 * (time.perf_counter() - begun) / len(faces)
    columns = (found.column("predicted"), faces.column("predicted"))
    answers = [np.asarray(column.combine_chunks().flatten()) for column in columns]
    px = float(np.abs(answers[0] - answers[1]).max())
    if not px <= TOLERANCE_PX:
        raise ValueError(f"its answers are {px:.3g} px from those of its evaluation, and {TOLERANCE_PX} px is allowed")
    return {"faces": len(faces), "px": px, "ms": ms}


def main(name: str, version: str) -> None:
    """Prints what VERSION of the registered model NAME answers, as JSON."""
    print(json.dumps(ask(tracking.Registry.existing(name), version)))


if __name__ == "__main__":
    command.run(main)
