"""What the champion makes of new faces, measured as its own test faces were; nothing changes in the workspace.

All faces of the folder are measured, whichever split they would fall into. The result is kept as an MLflow run of the experiment
`heatmark-measured`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from components.datasets import DATASETS
from components.model import LandmarkModel, ModelConfig
from components.schemes import SCHEMES
from components.text import printable
from pipelines.evaluate import audited, measured_faces
from pipelines.ingest import examine_all, reject_repeats, representable
from pipelines.new_data.drift import Drift, compare
from pipelines.new_data.features import TRAINING_FACES, features_of
from pipelines.new_data.measured import Measured
from pipelines.new_data.twins import count_known
from pipelines.params import Params
from pipelines.preprocess import preprocess
from pipelines.registry import tracking
from pipelines.runtime import cluster
from pipelines.runtime.environment import STATE
from pipelines.runtime.tables import ANNOTATIONS, read_shards, read_table, write_table
from pipelines.scoring.measure import measure
from pipelines.scoring.predict import predict

EXPERIMENT = "heatmark-measured"
EVALUATION = "evaluation"


def champion_of(model: str) -> tuple[tracking.Registry, str]:
    """The registered model of a name, and its champion.

    Raises:
        ValueError: There is no such model, or no champion.
    """
    registry = tracking.Registry.existing(model)
    version = registry.aliases().get("champion")
    if version is None:
        raise ValueError(f"{model} has no champion: `heatmark promote VERSION --because ...` makes one")
    return registry, version


def measure_champion(folder: Path, dataset: str, params: Params, model: str) -> Measured:
    """Measures the champion on all faces of a folder.

    Args:
        folder: Of the layout that the dataset's reader knows.
        dataset: The one of the recipe's datasets that says how to read it.
        params: The recipe: how the folder is read, and the protocol. Crops are the champion's own.
        model: Name of the registered model.

    Raises:
        ValueError: There is no champion, its landmarks are others, or no face of the folder can be measured.
    """
    registry, version = champion_of(model)
    # Below the checkout, which all nodes of a cluster reach.
    STATE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STATE, prefix="measure-") as place, cluster.connected():
        scratch = Path(place)
        saved = registry.model_folder(version, scratch / "model")
        config = LandmarkModel.load(saved).config
        scheme = config.scheme
        if scheme.name != params.scheme:
            raise ValueError(
                f"{model} version {version} finds {scheme.name}, but recipe {params.name} has {params.scheme}"
            )
        faces, num_rejected = cut_faces(folder, dataset, cut_for(config, params), scratch)
        protocol = params.evaluate.on_test
        errors = measured_faces(
            measure(predict(saved, faces, "measure", protocol.mirrored), scheme, protocol), protocol
        )
        metrics, _ = audited(errors, scheme, protocol)
        tags = registry.tags(version)
        name = printable(folder.name)
        drift = _drift(registry, tags, faces, name, params, scratch)
        known = count_known(folder, dataset, params)
        own = _own(registry, tags, metrics, scratch)
        kept = scratch / "kept"
        kept.mkdir()
        write_table(errors, kept / "errors.parquet")
        (kept / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
        figures = {figure: metrics[figure] for figure in ("nme", "failure_rate", "auc", "num_faces")}
        figures |= {f"drift.{shift.feature}": shift.distance for shift in (drift.shifts if drift else ())}
        run = tracking.log_finished(
            registry.client, EXPERIMENT, f"{model} {version} on {name}",
            {"model": model, "version": version, "folder": name, "protocol": f"{protocol.name}:{protocol.hash}"},
            {**figures, "num_rejected": num_rejected}, kept,
        )  # fmt: skip
    return Measured(model, version, name, metrics, own, num_rejected, known, drift, run)


def cut_for(config: ModelConfig, params: Params) -> Params:
    """The same params, but with crops as the model was trained on, whatever the recipe is now."""
    own = {"crop": config.codec.crop, "expand": config.expand, "box": config.box}
    return params.model_copy(update={"preprocess": params.preprocess.model_copy(update=own)})


def cut_faces(folder: Path, dataset: str, params: Params, scratch: Path) -> tuple[pa.Table, int]:
    """All good faces of a folder as rows of shards, and how many were rejected.

    Raises:
        ValueError: None is good; with the reason of the first.
    """
    source = params.source(dataset)
    records = DATASETS[source.reader].records(folder, SCHEMES[source.scheme])
    rows = examine_all([representable(record) for record in records], folder, params, source)
    examined = reject_repeats(pa.concat_tables(rows))
    good = examined.filter(pc.is_null(examined.column("reason"))).drop_columns("reason")
    if not len(good):
        raise ValueError(f"{folder} has no face that can be measured; the first: {examined.column('reason')[0]}")
    tested = pa.array(["test"] * len(good), pa.string())
    place = scratch / "annotations"
    place.mkdir()
    write_table(good.set_column(good.schema.get_field_index("split"), "split", tested), place / ANNOTATIONS)
    # The stage asks for its dataset by the folder's name.
    here = params.model_copy(update={"datasets": {folder.name: source}})
    preprocess(place, folder, here, scratch / "crops")
    return read_shards(scratch / "crops", "test"), len(examined) - len(good)


def _drift(
    registry: tracking.Registry, tags: dict[str, str], faces: pa.Table, name: str, params: Params, scratch: Path
) -> Drift | None:
    kept = tracking.fetch(registry.client, tags.get("run_id", ""), f"{EVALUATION}/{TRAINING_FACES}", scratch)
    if kept is None:
        return None
    return compare(features_of(faces, name, params), read_table(kept), (name, "its training"))


def _own(registry: tracking.Registry, tags: dict[str, str], metrics: dict, scratch: Path) -> dict | None:
    """What the version was evaluated to, where the protocol is the same."""
    kept = tracking.fetch(registry.client, tags.get("run_id", ""), f"{EVALUATION}/metrics.json", scratch)
    own = json.loads(kept.read_text(encoding="utf-8")) if kept else None
    return own if own and own["protocol"]["hash"] == metrics["protocol"]["hash"] else None
