"""The only file that knows MLflow, but for the code that is logged with a model."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import mlflow
import numpy as np
import requests
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType, Array

from pipelines.registry.model_code import requirements, stage_code
from pipelines.registry.moved import require_unmoved
from pipelines.registry.outbox import Outbox
from pipelines.runtime.environment import CHECKOUT, ROOT, RUNS, ray_address, tracking_uri
from pipelines.runtime.outputs import in_turn
from pipelines.runtime.secrets import without_secrets

EXPERIMENT = "heatmark"
KEY_TAG = "heatmark.key"
WAIT_S = 10
# After a server did not answer: so long points of the curves only wait, so that asking does not hold up a training.
PAUSE_S = 60
EXAMPLE = {"images": np.zeros((1, 64, 64, 3), np.uint8), "boxes": np.array([[8, 8, 56, 56]], np.float32)}
NOTE = "mlflow.note.content"  # what MLflow's page shows as a run's description
BATCH = 500  # metrics that are sent together; MLflow takes 1000
for _noisy in ("mlflow", "alembic"):  # they tell of every table they create
    logging.getLogger(_noisy).setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(
    logging.CRITICAL
)  # the page of what it raises, which is told anyway


def connect() -> MlflowClient:
    """A client of the tracking store, which is there and has our experiment.

    Raises:
        ValueError: The server does not answer within 10 seconds; says how to go on without one. Or this checkout's own
            store still keeps its artifacts where the checkout was before.
    """
    uri = _address(tracking_uri())
    if _is_server(uri):
        _ask(uri)
    mlflow.set_tracking_uri(uri)
    # The first one to come makes the database's tables; two at once would fall over each other.
    with in_turn(RUNS / "mlflow.lock") if CHECKOUT else nullcontext():
        require_unmoved()
        client = MlflowClient(uri)
        with answering():
            experiment(client, EXPERIMENT)
    return client


def _is_server(uri: str) -> bool:
    return urlsplit(uri).scheme in ("http", "https")


def _address(uri: str) -> str:
    """A server's address without user and password, which MLflow finds in variables of its own: its messages quote the address."""
    parts = urlsplit(uri)
    if not (_is_server(uri) and parts.username and parts.password):
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def answering() -> Iterator[None]:
    """Around questions to the tracking store.

    Raises:
        ValueError: The store is away or broken; in one sentence, without secrets.
    """
    try:
        yield
    except MlflowException as error:
        if error.error_code not in STORE_FAULTS:
            raise
        raise ValueError(_fault(error)) from error


# What MLflow calls it when a server does not answer, and when a database cannot be read or written.
STORE_FAULTS = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")


def _fault(error: MlflowException) -> str:
    """Why the tracking store did not do what it was asked, in one sentence."""
    uri = tracking_uri()
    if _is_server(uri):
        try:
            _ask(uri)
        except ValueError as away:
            return str(away)
    return f"MLflow's store {without_secrets(uri)} fails: {without_secrets(str(error)).splitlines()[0][:300]}"


def experiment(client: MlflowClient, name: str) -> str:
    """The id of an experiment, which is made if it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    local = urlsplit(client.tracking_uri).scheme.startswith("sqlite")
    place = (RUNS / "mlartifacts").as_uri() if local else None
    try:
        return client.create_experiment(name, artifact_location=place)
    except MlflowException:  # somebody else was quicker
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found.experiment_id


def every_run(client: MlflowClient, experiment: str, asked: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Id, start in milliseconds since 1970, and tags of all runs of an experiment that a filter finds; the newest first."""
    token = None
    while True:
        page = client.search_runs([experiment], asked, order_by=["attributes.start_time DESC"], page_token=token)
        yield from ((run.info.run_id, run.info.start_time, run.data.tags) for run in page)
        token = page.token
        if not token:
            return


def newest_run(client: MlflowClient) -> str:
    """Id of the training's run that began last; "" where there is none."""
    runs = client.search_runs([experiment(client, EXPERIMENT)], order_by=["attributes.start_time DESC"], max_results=1)
    return runs[0].info.run_id if runs else ""


def _ask(uri: str) -> None:
    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=WAIT_S).raise_for_status()
    except requests.RequestException as error:
        raise ValueError(
            f"the MLflow server {without_secrets(uri)} does not answer ({type(error).__name__}): start it, or unset MLFLOW_TRACKING_URI "
            f"to track in {RUNS.name}/mlflow.db"
        ) from error


def schema(uri: str) -> tuple[str | None, str]:
    """Revision of a database's tables, None where it has none, and that of this MLflow; the database is left as it is."""
    import sqlalchemy
    from alembic.migration import MigrationContext
    from mlflow.store.db.utils import _get_latest_schema_revision

    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), _get_latest_schema_revision()


def refusal(uri: str) -> str:
    """Why a server does not let us write; "" if it does. It is asked to tag a run that is not there, so nothing changes.

    Raises:
        ValueError: The server does not answer.
    """
    _ask(uri)
    try:
        MlflowClient(uri).set_tag("0" * 32, "heatmark.doctor", "looks")
    except MlflowException as error:
        known = error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
        return "" if known else error.error_code
    return ""


class Load:
    """How busy this machine is, sampled beside a training, under MLflow's own names.

    MLflow's own thread asks the server for the run at each sample: it is over for good once that is away, and holds up whoever is
    stopped. This one only samples; the means go the way of the curves.

    Args:
        run: MLflow's id.
    """

    def __init__(self, run: str) -> None:
        self.monitor, self.lock, self.over = SystemMetricsMonitor(run), threading.Lock(), threading.Event()
        self.taken()  # the first figure of the CPUs is of no time at all
        self.thread = threading.Thread(target=self._sample, daemon=True, name="load")
        self.thread.start()

    def _sample(self) -> None:
        while not self.over.wait(self.monitor.sampling_interval):
            with self.lock:
                self.monitor.collect_metrics()

    def end(self) -> None:
        self.over.set()
        self.thread.join()

    def taken(self) -> dict[str, float]:
        """The means since the last call; of the network all since the first."""
        with self.lock:
            self.monitor.collect_metrics()
            means = self.monitor.aggregate_metrics()
            for each in self.monitor.monitors:
                each.clear_metrics()
        return {f"system/{name}": value for name, value in means.items()}


class Run:
    """One training's run, opened by the driver; opened again by any later driver with the same key.

    Args:
        client: Of `connect`.
        key: Of the training.
        name: Of the recipe.
    """

    def __init__(self, client: MlflowClient, key: str, name: str) -> None:
        self.client = client
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        found = client.search_runs([experiment.experiment_id], f"tags.`{KEY_TAG}` = '{key}'", max_results=1)
        if found:
            info, self.new = found[0].info, False
        else:
            tags = {KEY_TAG: key, "heatmark.recipe": name, "mlflow.source.name": "heatmark"}
            run = client.create_run(experiment.experiment_id, tags=tags, run_name=f"{name}-{key[:6]}")
            info, self.new = run.info, True
        self.id, self.began_ms = info.run_id, info.start_time
        self.load: Load | None = None
        self.outbox, self.silent_until, self.away = Outbox(RUNS / f"{key}.outbox.jsonl"), 0.0, False
        self._deliver()  # what an earlier driver could not

    @contextmanager
    def running(self) -> Iterator[None]:
        """Shown as running within the block; after it as finished, as killed if it was stopped, or else as failed."""
        with answering():
            self.client.update_run(self.id, RunStatus.to_string(RunStatus.RUNNING))
        if not ray_address():  # on a cluster, other machines train
            self.load = Load(self.id)
        try:
            yield
        except (KeyboardInterrupt, SystemExit):  # the latter is Ray's answer to a SIGTERM
            self.stopped()
            raise
        except BaseException:
            self._end(RunStatus.FAILED)
            raise
        finally:
            if self.load:
                self.load.end()
        self._end(RunStatus.FINISHED)

    def stopped(self) -> None:
        """Shown as killed from now on."""
        self._end(RunStatus.KILLED)

    def _end(self, status: int) -> None:
        self.outbox.add({"status": RunStatus.to_string(status), "time": _now()})
        self.silent_until = 0.0
        self._deliver()

    def _deliver(self) -> None:
        """Sends what waits. A training does not end for want of its curves: what is not taken waits for a later call, at the latest
        for that of the next driver of this training, or of the task that registers it."""
        messages = self.outbox.messages()
        if not messages or time.monotonic() < self.silent_until:
            return
        try:
            self._send(messages)
        except MlflowException as error:
            self.silent_until = time.monotonic() + PAUSE_S
            if not self.away:
                print(f"mlflow: {_fault(error)}", flush=True)
            place = f"{RUNS.name}/{self.outbox.path.name}"
            print(
                f"mlflow: {len(messages)} messages wait in {place}; a later retraining delivers them, too", flush=True
            )
            self.away = True
            return
        self.outbox.clear()
        if self.away:
            print("mlflow: it answers again, and has all that waited", flush=True)
        self.away = False

    def _send(self, messages: list[dict[str, Any]]) -> None:
        """Points of the curves that the run does not have yet (a resumed training repeats steps, its curves do not), and its end."""
        points = [metric for point in messages if "metrics" in point for metric in self._of_point(point)]
        last = {name: self._last_step(name) for name in {metric.key for metric in points}}
        new = {(metric.key, metric.step): metric for metric in points if metric.step > last[metric.key]}
        metrics = list(new.values())
        for first in range(0, len(metrics), BATCH):
            self.client.log_batch(self.id, metrics=metrics[first : first + BATCH])
        for end in (message for message in messages if "status" in message):
            self.client.set_terminated(self.id, end["status"], end["time"])

    def _of_point(self, point: Mapping[str, Any]) -> list[Metric]:
        """A point of the curves by its step, and the machine's load by seconds since the run began: a refit's steps begin anew."""
        curves = [Metric(name, value, point["time"], point["step"]) for name, value in point["metrics"].items()]
        second = (point["time"] - self.began_ms) // 1000
        return curves + [Metric(name, value, point["time"], second) for name, value in point.get("load", {}).items()]

    def log_params(self, params: Mapping[str, object]) -> None:
        """Nested parameters, by their dotted names; those that are there already stay."""
        known = self.client.get_run(self.id).data.params
        flat = {name: str(value) for name, value in flatten(params) if name not in known}
        self.client.log_batch(self.id, params=[Param(name, value[:6000]) for name, value in flat.items()])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.client.log_batch(self.id, tags=[RunTag(name, value) for name, value in tags.items()])

    def introduce(self, text: str) -> None:
        """What its page says of it, as Markdown, where it says nothing yet."""
        if not self.client.get_run(self.id).data.tags.get(NOTE):
            self.set_tags({NOTE: text})

    def log_datasets(self, versions: Mapping[str, str]) -> None:
        """Datasets that it learnt from, by name and version; a second time changes nothing."""
        context = [InputTag("mlflow.data.context", "training")]
        inputs = [
            DatasetInput(Dataset(name, version, "dvc", json.dumps({"uri": f"data/{name}"})), context)
            for name, version in versions.items()
        ]
        self.client.log_inputs(self.id, inputs)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        self.client.log_batch(self.id, metrics=[Metric(name, value, _now(), step) for name, value in metrics.items()])

    def log_point(self, metrics: Mapping[str, float], step: int) -> None:
        """Writes a point of the curves down, with the machine's load since the one before, and sends it with all that waits."""
        load = self.load.taken() if self.load else {}
        self.outbox.add({"metrics": dict(metrics), "step": step, "time": _now(), "load": load})
        self._deliver()

    def _last_step(self, name: str) -> int:
        return max((metric.step for metric in self.client.get_metric_history(self.id, name)), default=-1)

    def metric(self, name: str) -> float | None:
        return self.client.get_run(self.id).data.metrics.get(name)

    def log_text(self, text: str, name: str) -> None:
        self.client.log_text(self.id, text, name)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self.client.log_artifact(self.id, str(path), folder)


def _now() -> int:
    return mlflow.utils.time.get_current_time_millis()


def log_finished(
    client: MlflowClient, of: str, name: str, tags: Mapping[str, str], metrics: Mapping[str, float], folder: Path
) -> str:
    """A run that is over when it is logged, with the files of a folder; returns its id.

    Args:
        client: Of `connect`.
        of: Name of the experiment.
        name: Of the run.
        tags: Each is put under "heatmark.".
        metrics: Numbers.
        folder: Whose files are kept.
    """
    tags = {**{f"heatmark.{tag}": value for tag, value in tags.items()}, "mlflow.source.name": "heatmark"}
    run = client.create_run(experiment(client, of), tags=tags, run_name=name).info.run_id
    client.log_batch(run, metrics=[Metric(key, value, _now(), 0) for key, value in metrics.items()])
    client.log_artifacts(run, str(folder))
    client.set_terminated(run)
    return run


def fetch(client: MlflowClient, run: str, name: str, to: Path) -> Path | None:
    """A run's artifact as a local file; None where run or artifact are gone."""
    try:
        return Path(client.download_artifacts(run, name, str(to)))
    except (MlflowException, OSError):
        return None


def run_tags(client: MlflowClient, run: str) -> dict[str, str]:
    """A run's tags; none where it is gone, or none is named."""
    try:
        return dict(client.get_run(run).data.tags) if run else {}
    except MlflowException:
        return {}


class EndedRun(NamedTuple):
    """A run of a training that has ended, well or not.

    Attributes:
        id: Of the run.
        name: For people.
        key: Of its training.
        finished: Whether it ended well.
        touched_ms: When it ended, or was measured or logged a model after that; milliseconds since 1970.
        models: Ids of the models that it logged and that are there.
    """

    id: str
    name: str
    key: str
    finished: bool
    touched_ms: int
    models: tuple[str, ...]


def ended_runs(client: MlflowClient) -> Iterator[EndedRun]:
    """All of our trainings' runs that have ended; the newest first."""
    for run, _, tags in every_run(client, experiment(client, EXPERIMENT), "attributes.status != 'RUNNING'"):
        found = client.get_run(run)
        models = [model for each in found.outputs.model_outputs if (model := _logged_model(client, each.model_id))]
        # A registration that comes late begins with these metrics.
        measured = [metric.timestamp for metric in client.get_metric_history(run, "test_nme")]
        touched = max([found.info.end_time or 0, *measured, *(model.creation_timestamp for model in models)])
        ids = tuple(model.model_id for model in models)
        ended = found.info.status == "FINISHED"
        yield EndedRun(run, found.info.run_name, tags.get(KEY_TAG, ""), ended, touched, ids)


def _logged_model(client: MlflowClient, model: str):
    """A logged model; None where it was deleted."""
    try:
        return client.get_logged_model(model)
    except MlflowException:
        return None


def artifact_bytes(client: MlflowClient, run: EndedRun) -> int:
    """Of all files of a run and of the models that it logged."""
    return sum(_bytes_below(get_artifact_repository(place), None) for place in _places(client, run))


def _bytes_below(files: ArtifactRepository, folder: str | None) -> int:
    found = files.list_artifacts(folder)
    return sum(_bytes_below(files, each.path) if each.is_dir else each.file_size or 0 for each in found)


def delete_artifacts(client: MlflowClient, run: EndedRun) -> None:
    """Deletes all files of a run and of the models that it logged; params, metrics and tags stay."""
    for place in _places(client, run):
        get_artifact_repository(place).delete_artifacts()
    for model in run.models:
        client.delete_logged_model(model)


def _places(client: MlflowClient, run: EndedRun) -> list[str]:
    models = [client.get_logged_model(model).artifact_location for model in run.models]
    return [client.get_run(run.id).info.artifact_uri, *models]


def flatten(fields: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Nested mappings -> pairs of a dotted name and a value; lists as JSON."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value) if isinstance(value, list) else value


def log_model(run: Run, folder: Path) -> tuple[str, str]:
    """Logs a saved model with the code that loads it, into the run; returns the model's id and its URI.

    Safetensors and JSON as artifacts, the modules that a model is made of as code, exact versions from the lock as
    requirements.
    """
    with tempfile.TemporaryDirectory() as code, mlflow.start_run(run_id=run.id):
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(ROOT / "pipelines" / "registry" / "logged_model.py"),
            artifacts={"model": str(folder)},
            code_paths=[str(stage_code(Path(code), ROOT))],
            signature=signature(),
            input_example=EXAMPLE,
            pip_requirements=requirements(ROOT),
        )
    return info.model_id, info.model_uri


def signature() -> ModelSignature:
    """What a logged model takes and gives, in both of the forms that `logged_model` tells of.

    Columns that may be missing, since one form has `images` and the other `image`; of any type where JSON's whole numbers must
    pass beside floats. MLflow hands arrays on as they are, in one row, since one column is an array of anything.
    """
    number = DataType.float
    inputs = [
        ColSpec(DataType.string, "image", required=False),
        ColSpec(Array(AnyType()), "images", required=False),
        ColSpec(AnyType(), "boxes", required=False),
    ]
    outputs = [
        ColSpec(Array(Array(Array(number))), "landmarks"),
        ColSpec(Array(Array(number)), "confidence", required=False),
        ColSpec(Array(Array(number)), "visible", required=False),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))


class Version(NamedTuple):
    """A version of a registered model.

    Attributes:
        number: Its number.
        registered_ms: When it was registered, milliseconds since 1970.
        tags: What is said of it.
    """

    number: str
    registered_ms: int
    tags: dict[str, str]


def found(client: MlflowClient, name: str, version: str) -> Version | None:
    """A version of any registered model; None where it is gone."""
    try:
        return _told(client.get_model_version(name, version))
    except MlflowException:
        return None


def started_from(client: MlflowClient, key: str) -> list[tuple[str, Version]]:
    """The versions whose training started from that of a key, each with its registered model's name."""
    if not key:
        return []
    there = client.search_model_versions(f"tags.`start.key` = '{key}'")
    return sorted((each.name, _told(each)) for each in there)


def _told(version: ModelVersion) -> Version:
    return Version(str(version.version), version.creation_timestamp, dict(version.tags))


class Registry:
    """The registered model of one recipe: its versions and their aliases.

    Args:
        client: Of `connect`.
        name: Of the registered model.
    """

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client, self.name = client, name
        try:
            client.get_registered_model(name)
        except MlflowException:
            client.create_registered_model(name)

    @classmethod
    def all(cls, client: MlflowClient) -> list[Registry]:
        """All registered models, ours and others'."""
        page = client.search_registered_models()
        found = list(page)
        while page.token:
            page = client.search_registered_models(page_token=page.token)
            found += page
        return [cls(client, model.name) for model in found]

    @classmethod
    def existing(cls, name: str) -> Registry:
        """The registered model that a person names.

        Raises:
            ValueError: There is no tracking store here, or none of this name in it; with those that there are.
        """
        client = connect()
        _require_model(client, name)
        return cls(client, name)

    def require(self, version: str) -> None:
        """Refuses a version that is not there.

        Raises:
            ValueError: With those that there are.
        """
        _version(self.client, self.name, None, version)

    def versions(self) -> list[Version]:
        """All, the newest first, by one question."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted(map(_told, found), key=lambda version: int(version.number), reverse=True)

    def sources(self) -> dict[str, set[str]]:
        """Version -> ids of the run and of the logged model that it was made of."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return {str(each.version): {each.run_id or "", each.model_id or ""} - {""} for each in found}

    def drop(self, version: str) -> None:
        """Deletes a version; its run and its files stay."""
        self.client.delete_model_version(self.name, version)

    def version_of(self, key: str) -> str | None:
        """The version that a training became, or None."""
        found = self.client.search_model_versions(f"name = '{self.name}' and tags.`{KEY_TAG}` = '{key}'")
        return max((str(version.version) for version in found), key=int, default=None)

    def add(self, source: str, run: Run, tags: Mapping[str, str], model_id: str) -> str:
        """Registers a logged model; tags come with it, so that no version is ever without."""
        version = self.client.create_model_version(self.name, source, run.id, tags=dict(tags), model_id=model_id)
        return str(version.version)

    def describe(self, version: str, text: str) -> None:
        """What the page of a version says of it, as Markdown."""
        self.client.update_model_version(self.name, version, text)

    def introduce(self, text: str, tags: Mapping[str, str]) -> None:
        """What the page of the registered model says of it, as Markdown, where it says nothing yet, and its tags."""
        if not self.client.get_registered_model(self.name).description:
            self.client.update_registered_model(self.name, text)
        for name, value in tags.items():
            self.client.set_registered_model_tag(self.name, name, value)

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_model_version_tag(self.name, version, name, value)

    def tags(self, version: str) -> dict[str, str]:
        return dict(self.client.get_model_version(self.name, version).tags)

    def aliases(self) -> dict[str, str]:
        """Alias -> version."""
        return {alias: str(version) for alias, version in self.client.get_registered_model(self.name).aliases.items()}

    def point(self, alias: str, version: str) -> None:
        self.client.set_registered_model_alias(self.name, alias, version)

    def unpoint(self, alias: str) -> None:
        if alias in self.aliases():
            self.client.delete_registered_model_alias(self.name, alias)

    def model_folder(self, version: str, to: Path) -> Path:
        """Fetches a version's saved model.

        Raises:
            ValueError: Its files are gone.
        """
        return _download(f"models:/{self.name}/{version}", f"{self.name} version {version}", to)


class Located(NamedTuple):
    """A saved model in the tracking store, by names that do not move.

    Attributes:
        uri: That MLflow fetches it by.
        what: For people: "heatmark-demo version 3", or "run ID".
        run: Id of the run that logged it.
        key: Of its training; "" where the run is not one of ours.
        trained_on: The splits whose faces made it; "" likewise.
        tags: All that is said of the version or the run.
    """

    uri: str
    what: str
    run: str
    key: str
    trained_on: str
    tags: dict[str, str]


def download(found: Located, to: Path) -> Path:
    """Fetches the saved model that was located, into a folder.

    Raises:
        ValueError: Its files are gone, or it is none of ours.
    """
    return _download(found.uri, found.what, to)


def locate(uri: str) -> Located:
    """Finds a saved model that a person names.

    Args:
        uri: models:/NAME@ALIAS, models:/NAME/VERSION, or runs:/ID.

    Raises:
        ValueError: There is no tracking store here, or no such model in it; with those that there are.
    """
    if named := re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/([0-9]+))", uri):
        name, client = named[1], connect()
        number = _version(client, *named.groups())
        version = client.get_model_version(name, number)
        uri, what = f"models:/{name}/{number}", f"{name} version {number}"
        return Located(uri, what, version.run_id or "", *_of_training(version.tags), dict(version.tags))
    if named := re.fullmatch(r"runs:/([^/]+?)(?:/model)?", uri):
        client, run = connect(), named[1]
        uri = f"models:/{_logged_by(client, run)}"
        tags = client.get_run(run).data.tags
        return Located(uri, f"run {run}", run, *_of_training(tags), dict(tags))
    raise ValueError(f"{uri}: expected models:/NAME@ALIAS, models:/NAME/VERSION or runs:/ID")


def _of_training(tags: Mapping[str, str]) -> tuple[str, str]:
    """Key and splits of the training that a run's or version's tags are of; "" where it is not one of ours."""
    return tags.get(KEY_TAG, ""), tags.get("trained_on", "")


def _version(client: MlflowClient, name: str, alias: str | None, version: str | None) -> str:
    """The version of a registered model that an alias points to, or that is named itself; it is there."""
    _require_model(client, name)
    aliases = client.get_registered_model(name).aliases
    versions = sorted({str(found.version) for found in client.search_model_versions(f"name = '{name}'")}, key=int)
    if version in versions or alias in aliases:
        return str(version or aliases[alias])
    asked = f"alias {alias!r}" if alias else f"version {version}"
    has = ", ".join([*(f"@{alias}" for alias in sorted(aliases)), *(f"version {number}" for number in versions)])
    raise ValueError(f"{name} has no {asked}; it has: {has or 'nothing yet'}")


def tags_of_model(client: MlflowClient, name: str) -> dict[str, str]:
    """Tags of a registered model; none where there is no such model."""
    found = client.search_registered_models(f"name = '{name}'")
    return dict(found[0].tags) if found else {}


def _require_model(client: MlflowClient, name: str) -> None:
    known = [model.name for model in client.search_registered_models()]
    if name not in known:
        raise ValueError(f"no model {name!r} is registered; there are: {', '.join(sorted(known)) or 'none yet'}")


def _logged_by(client: MlflowClient, run: str) -> str:
    """The id of the model that a run logged."""
    try:
        outputs = client.get_run(run).outputs
    except MlflowException:
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert experiment is not None
        latest = [found.info.run_id for found in client.search_runs([experiment.experiment_id], max_results=3)]
        raise ValueError(f"no run {run!r}; the latest are: {', '.join(latest) or 'none yet'}") from None
    if not outputs or not outputs.model_outputs:
        raise ValueError(f"run {run} has logged no model: it is not finished, or was never registered")
    return outputs.model_outputs[-1].model_id


def _download(source: str, what: str, to: Path) -> Path:
    """The folder of the saved model inside what MLflow keeps of a logged one.

    Raises:
        ValueError: Its files are gone, or it is none of ours.
    """
    try:
        fetched = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(to))
    except (MlflowException, OSError) as error:
        raise ValueError(f"{what} cannot be fetched: {error}") from error
    found = sorted(Path(fetched).glob("artifacts/**/model.json"))
    if not found:
        raise ValueError(f"{what} holds no model")
    return found[0].parent
