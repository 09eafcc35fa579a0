"""Register: a trained and evaluated model -> its MLflow run, complete, and a version of the registered model.

Changes a registry, so it is no stage of DVC's, but a task of the flow. Idempotent: a training becomes one version, however
often this runs. A model that came out of the DVC cache, and was never trained here, gets a run of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from components.model import LandmarkModel
from pipelines.params import Params, load_params
from pipelines.registry import links, tracking
from pipelines.registry.licences import LICENCES, licences
from pipelines.registry.lineage import (
    PROVENANCE,
    data_version,
    dataset_versions,
    datasets_tags,
    git_changes,
    git_commit,
    machine,
)
from pipelines.registry.logged_metrics import logged_metrics
from pipelines.registry.model_card import FLOW_PAGE, Known, description, weights_size
from pipelines.registry.packages import LOCK
from pipelines.registry.start import Start
from pipelines.registry.verify import log_faces
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import read_table
from pipelines.scoring.held_out import faces_to_measure

CARD = "card.html"
# The page beside the report that a flow makes of a decision, after the version is registered.
AGAINST = "against_champion.html"
# What a commit was changed by when its model was registered; empty where it was not.
CHANGES = "provenance/changes.diff"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model, and where its numbers are."""

    model: str
    version: str
    run: str
    key: str
    new: bool


def registered_name(params: Params) -> str:
    """The registered model of a recipe."""
    return f"heatmark-{params.name}"


def own_model() -> str:
    """The registered model of the checkout's params.yaml."""
    return registered_name(load_params(ROOT / "params.yaml"))


def check_scheme(params: Params) -> None:
    """Refuses a recipe under whose name models of another scheme are registered: nothing could hold one against the other.

    Raises:
        ValueError: There are such models, or the tracking server is away.
    """
    name, client = registered_name(params), tracking.connect()
    theirs = tracking.tags_of_model(client, name).get("scheme", params.scheme)
    if theirs != params.scheme:
        raise ValueError(
            f"the versions of {name} find {theirs}, and this recipe {params.scheme}, so that none could be held against the champion: "
            "give the recipe another name"
        )


def register(
    params: Params, model: Path, reports: Path, made: Path, flow_run: str = "", flow_page: str = ""
) -> Registered:
    """Completes the run and registers the model.

    Args:
        params: That everything was made with.
        model: Folder of the saved model.
        reports: Folder of the evaluation's files.
        made: Folder of what the stages made: annotations and crops of each dataset, and what the training depended on of our code.
        flow_run: Prefect's name and id of the run that does it; "" outside of one.
        flow_page: Its page; "" where no server shows it.

    Raises:
        ValueError: The evaluation is of another training, or the tracking server is away.
    """
    metrics = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    training = json.loads((model / "training.json").read_text(encoding="utf-8"))
    key, parent = training["key"], Start(**training["start"]) if "start" in training else None
    if metrics["training"] != key:
        raise ValueError(f"{reports} is of training {metrics['training']}, {model} of {key}: run `dvc repro`")
    client = tracking.connect()
    run = tracking.Run(client, key, params.name)
    registry = tracking.Registry(client, registered_name(params))
    tags = {**lineage_tags(metrics, key, run.id), **datasets_tags(params), "trained_on": training["trained_on"]}
    flow = {"flow_run": flow_run, FLOW_PAGE: flow_page}
    tags |= (parent.tags() if parent else {}) | {name: said for name, said in flow.items() if said}
    tags[LICENCES] = licences(params, parent, client)
    run.log_params(params.model_dump())
    run.log_metrics(logged_metrics(metrics))
    for path in sorted(reports.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.name != AGAINST:  # as yet another version's
            run.log_file(path, "evaluation")
    version, loaded = registry.version_of(key), LandmarkModel.load(model)
    new = version is None
    if version is None:
        # Once: a later call measures the same training again, but did not train it from today's data and commit.
        run.set_tags(tags)
        run.log_datasets(dataset_versions(params))
        for path in (made / "code" / "train.json", *(ROOT / name for name in PROVENANCE)):
            run.log_file(path, "provenance")
        run.log_text(git_changes(), CHANGES)
        for name in params.datasets:
            run.log_file(made / "annotations" / name / CARD, f"provenance/{name}")
        tags |= log_faces(run, faces_to_measure(made / "crops", params), read_table(reports / "errors.parquet"))
        model_id, source = tracking.log_model(run, model)
        # MLflow's table of versions shows tags in the order in which they came; of decisions there is none yet.
        version = registry.add(source, run, {"test_nme": tags["test_nme"], "decision": "", **tags}, model_id)
    else:
        measured = {name: tags[name] for name in ("protocol", "test_nme", "test_nme_interval", "test_faces")}
        run.set_tags(measured)
        registry.tag(version, measured)
    said = registry.tags(version)
    # Whoever registered it may have been stopped before this.
    if not said.get("decision"):
        registry.point("challenger", version)
    datasets, page = params.model_dump()["datasets"], links.run_page(client, run.id)
    known = Known(registry.name, version, said, metrics, datasets, loaded, weights_size(model), page)
    introduce(registry, run, known, params.name)
    return Registered(registry.name, version, run.id, key, new)


def introduce(registry: tracking.Registry, run: tracking.Run, known: Known, recipe: str) -> None:
    """Says on MLflow's pages what the version is, and what its run and the registered model are, unless somebody has said so."""
    against = links.artifact(links.of_run(registry.client, run.id), f"evaluation/{AGAINST}")
    text = description(known, against)
    registry.describe(known.version, text)
    run.introduce(text)
    scheme = known.model.config.scheme
    registry.introduce(
        f"Models that find the {scheme.num_landmarks} landmarks of scheme `{scheme.name}`, made by the recipe `{recipe}`. "
        "Each version has its card as its description; the one to use is `@champion`.",
        {"scheme": scheme.name, "recipe": recipe},
    )


def lineage_tags(metrics: dict, key: str, run: str) -> dict[str, str]:
    """What leads from a version back to all that made it."""
    return {
        tracking.KEY_TAG: key,
        "run_id": run,
        "data_version": data_version(),
        "git_commit": git_commit(),
        "machine": machine(),
        "lock": _file_hash(LOCK),
        "dvc_lock": _file_hash("dvc.lock"),
        "protocol": f"{metrics['protocol']['name']}:{metrics['protocol']['hash']}",
        "test_nme": f"{metrics['nme']:.6f}",
        "test_nme_interval": " to ".join(f"{end:.6f}" for end in metrics["nme_interval"]),
        "test_faces": str(metrics["num_faces"]),
    }


def _file_hash(name: str) -> str:
    path = ROOT / name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "none"
