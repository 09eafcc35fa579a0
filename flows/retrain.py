"""Retrain: from a dataset's files to a promoted model. DVC knows what is out of date, Prefect when and who is told."""

from __future__ import annotations

import filecmp
import json
import logging
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from pydantic import Field

from flows.apart import go_apart
from flows.approval import ask, settle
from flows.artifacts import publish
from flows.commands import say, stream
from flows.notify import require_block, tell, tell_failure
from flows.servers import require_api
from flows.stage import bring_up_to_date
from flows.summary import Summary, markdown, show
from flows.workspace import only_writer
from pipelines.runtime import command, disk
from pipelines.runtime.environment import ROOT, from_root, require_checkout
from pipelines.runtime.links import links, way_out
from pipelines.runtime.outputs import whole_file, whole_folder
from pipelines.runtime.ray_address import require_answer
from pipelines.runtime.secrets import without_secrets

if TYPE_CHECKING:
    from pipelines.params import Params
    from pipelines.registry.gate import Decision
    from pipelines.registry.parent import Laid
    from pipelines.registry.register import Registered

PARAMS = ROOT / "params.yaml"
WAIT_H = 20  # a nightly run has ended before the next one
Hours = Annotated[float, Field(gt=0)]


class Done:
    """What a task hands to the one that waits for it: Prefect draws its arrows by what is handed on."""


@task(cache_policy=NO_CACHE, task_run_name="check")
def check(recipe: str | None, data: str | None) -> Params:
    """Finds out before hours of work, not after them, whether they can be done and kept; changes nothing.

    Raises:
        ValueError: A key of the recipe is wrong, DATA is no folder of its dataset's layout or has links in it, a dataset is
            missing, the disk has no room, a folder cannot be written, the Ray cluster or the tracking server does not answer, versions
            of another scheme have the recipe's name, the model to start from is not there, does not fit or has learnt from test
            faces, or a face of one dataset is nearly one of another across the split.
    """
    from pipelines.first_look import first_look
    from pipelines.new_data.twins import refuse_twins
    from pipelines.params import load_params
    from pipelines.registry import parent, tracking
    from pipelines.registry.register import check_scheme
    from pipelines.room import bytes_of_retraining

    params = load_params(recipe or PARAMS)
    require_answer()
    if data:
        check_folder(data)
    name = brought(data, params)
    check_there(params, name)
    new = {name: Path(data)} if data and name else {}
    for dataset, place in new.items():
        first_look(place, params.source(dataset))
    disk.require(bytes_of_retraining(params, ROOT / "data", new), "a retraining", ROOT)
    for folder in ("artifacts", "reports"):
        with whole_file(ROOT / folder / params.name / ".writable") as partial:
            partial.touch()
        (ROOT / folder / params.name / ".writable").unlink()
    tracking.connect()
    check_scheme(params)
    parent.check(params)
    for line in refuse_twins(params, new):
        if TaskRunContext.get():  # once: `main` has checked the same before
            say(line)
    return params


@task(cache_policy=NO_CACHE, task_run_name="recipe")
def use_recipe(recipe: str | None, params: Params) -> Done:
    """Makes a recipe, resolved to a whole file, the current params; without one, or with the same, they stay."""
    for line in write_params(recipe, params):
        say(line)
    return Done()


def write_params(recipe: str | None, params: Params) -> list[str]:
    """Does it; returns what there is to say of it.

    Raises:
        ValueError: params.yaml is to stay, but is no whole file.
    """
    from pipelines.params import whole_text

    if not recipe and (fault := lacking()):
        raise ValueError(
            f"params.yaml {fault}, but DVC reads whole files: move it to recipes/, and give it as a recipe"
        )
    text = whole_text(recipe) if recipe else None
    if text is None or (PARAMS.exists() and PARAMS.read_text(encoding="utf-8") == text):
        return [f"recipe: params.yaml is {params.name}"]
    with whole_file(PARAMS) as partial:
        partial.write_text(text, encoding="utf-8")
    said = [f"recipe: {recipe} is now params.yaml"]
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", PARAMS], cwd=ROOT, capture_output=True).returncode == 1:
        said += ["recipe: params.yaml differs from the committed one now; `git checkout params.yaml` brings that back"]
    return said


def lacking() -> str:
    """What keeps params.yaml, which is right, from being whole: "has a base", "leaves out KEY, ..."; "" if nothing does."""
    from pipelines.params import SourceParams
    from pipelines.runtime.recipe import BASE, values_of
    from pipelines.runtime.strict_yaml import read_sheet

    fields = values_of(read_sheet(PARAMS).keys)
    if BASE in fields:
        return "has a base"
    # Of other sections DVC is asked for all that there is; of these, key by key.
    absent = [
        f"datasets.{name}.{key}"
        for name, source in fields["datasets"].items()
        for key in SourceParams.model_fields
        if key not in source
    ]
    return f"leaves out {', '.join(absent)}" if absent else ""


def brought(data: str | None, params: Params) -> str | None:
    """Which dataset of the recipe DATA is: its only one, or the one of the folder's name; None without DATA.

    Raises:
        ValueError: There are several, and none of this name.
    """
    names = list(params.datasets)
    if not data or len(names) == 1:
        return names[0] if data else None
    if (name := Path(data).resolve().name) in names:
        return name
    raise ValueError(
        f"DATA={data}: recipe {params.name} has the datasets {', '.join(names)}, so that a folder goes by its own name: give one "
        "that is called so; the others are to lie in data/"
    )


def check_there(params: Params, brought: str | None) -> None:
    """Refuses to begin without a dataset.

    Raises:
        ValueError: One is neither brought nor in data/.
    """
    absent = [name for name in params.datasets if name != brought and not has_files(ROOT / "data" / name)]
    if not absent:
        return
    missing = f"data/{absent[0]} is missing or empty"
    if len(params.datasets) == 1:
        raise ValueError(f"{missing}: `make data` draws faces, `make retrain DATA=FOLDER` brings a dataset")
    raise ValueError(
        f"{missing}, and recipe {params.name} has the datasets {', '.join(params.datasets)}: put it there, or bring it by DATA"
    )


def check_folder(data: str) -> None:
    """Refuses a folder that is empty, or of which a part would be missing.

    Raises:
        ValueError: With the way out.
    """
    if not has_files(Path(data)):
        raise ValueError(f"DATA={data} is {'empty' if Path(data).is_dir() else 'not a folder'}")
    # What links lead to may be anything, and a folder would be missing without them.
    if found := links(Path(data)):
        raise ValueError(
            f"DATA={data} has links in it, which are not copied; put the real files there: {way_out(found)}"
        )


def has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


@task(cache_policy=NO_CACHE, task_run_name="bring")
def bring(data: str, params: Params) -> Done:
    """Copies a dataset's folder to `data/NAME`, whole or not at all; one that is there, and the same, stays."""
    name = brought(data, params)
    assert name is not None
    source, target = Path(data), ROOT / "data" / name
    if target.is_dir() and same_tree(source, target):
        say(f"data: {target.relative_to(ROOT)} is the same as {data} already")
        return Done()
    with whole_folder(target) as partial:
        # Without modes: a read-only source would make a copy that cannot be replaced.
        for path in source.rglob("*"):
            if path.is_file():
                (partial / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, partial / path.relative_to(source))
    say(f"data: {data} is now {target.relative_to(ROOT)}")
    return Done()


def same_tree(one: Path, other: Path) -> bool:
    """The same files with the same bytes, and no links among them."""
    if links(other):
        return False
    names = [sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file()) for root in (one, other)]
    return names[0] == names[1] and all(filecmp.cmp(one / name, other / name, shallow=False) for name in names[0])


@task(cache_policy=NO_CACHE, task_run_name="version data")
def version_data() -> str:
    """Lets DVC hash `data/`, and says whether that is the committed version.

    Raises:
        ValueError: There is no data.
    """
    from pipelines.registry.lineage import committed_data_version, data_version

    if not (ROOT / "data").is_dir() or not any((ROOT / "data").iterdir()):
        raise ValueError("data/ is empty: `make data` draws faces, `make retrain DATA=FOLDER` brings a dataset")
    stream(["dvc", "add", "--quiet", "data"])
    version = data_version()
    known = committed_data_version()
    say(
        f"data: version {version}, " + ("as committed in data.dvc" if version == known else "new: data.dvc has changed")
    )
    return version


def stages_of(params: Params) -> list[str]:
    """DVC's stages in order, one of ingest and of preprocess for each dataset; `code` says what they depend on of our code."""
    from pipelines.registry.dependencies import stages

    return ["code", *stages(params)]


@task(cache_policy=NO_CACHE, task_run_name="{stage}")
def run_stage(stage: str) -> Done:
    """Brings one DVC stage up to date."""
    bring_up_to_date(stage, ROOT)
    return Done()


def refuse_edited(asked: bytes) -> None:
    """Whether params.yaml is still what the retraining began with: a model would be registered under other params than its own.

    Raises:
        ValueError: It was edited meanwhile.
    """
    if not PARAMS.exists() or PARAMS.read_bytes() != asked:
        raise ValueError(
            "params.yaml was edited while the retraining ran: nothing is registered, and the stages that ended are kept; run it again for "
            "what params.yaml says now"
        )


@task(cache_policy=NO_CACHE, task_run_name="start")
def lay_start(params: Params) -> Laid:
    """Lays down the model that the training starts from, below data/."""
    from pipelines.registry.parent import lay_down

    laid = lay_down(params, ROOT / "artifacts" / params.name / "crops")
    say(f"start: {laid.said}")
    return laid


@task(cache_policy=NO_CACHE, task_run_name="push")
def push() -> Done:
    """Puts the data and what the stages made into DVC's remote, if one is configured: no version without what made it.

    Raises:
        ValueError: It cannot be reached or written; nothing is registered then.
    """
    from pipelines.registry.remote import default_remote

    remote = default_remote(ROOT)
    if remote is None:
        return Done()
    try:
        stream(["dvc", "push"])
    except ValueError as error:
        raise ValueError(
            f"the model is trained but not registered, since DVC cannot push to its remote {remote}: {error}; bring the remote "
            "back, and run the same command again: nothing is trained twice"
        ) from error
    say(f"push: data and outputs are in {remote}")
    return Done()


@task(cache_policy=NO_CACHE, task_run_name="register")
def register(params: Params) -> Registered:
    """Completes the MLflow run, and makes the model a version of the registered one."""
    from pipelines.registry import tracking
    from pipelines.registry.register import register as register_model

    made, reports = ROOT / "artifacts" / params.name, ROOT / "reports" / params.name
    with tracking.answering():
        said = f"{flow_run.name} ({flow_run.id})"
        registered = register_model(params, made / "model", reports, made, said, page_of_run())
    say(
        f"register: {registered.model} version {registered.version} {'is new' if registered.new else 'is there already'}"
    )
    return registered


@task(cache_policy=NO_CACHE, task_run_name="promote")
def promote(params: Params, registered: Registered) -> Decision:
    """Makes the version champion, if it is shown to be better on the same test faces, and a page of how they compare."""
    from pipelines.registry import tracking
    from pipelines.registry.against import write_against
    from pipelines.registry.promotion import promote as promote_version

    made, reports = ROOT / "artifacts" / params.name, ROOT / "reports" / params.name
    kept = made / "champion.parquet"
    with tracking.answering():
        decision = promote_version(params, registered, made / "crops", reports / "errors.parquet", kept)
        say(f"promote: {decision.word}: {decision.reason}")
        against = write_against(params, registered, decision, reports, kept)
    say(f"promote: {against}: {page_against(params)}")
    return decision


def page_against(params: Params) -> str:
    """Where the page is that holds the version against the champion."""
    from pipelines.registry.register import AGAINST

    return f"reports/{params.name}/{AGAINST}"


def promote_again(params: Params, registered: Registered) -> Decision:
    """Decides anew, since the champion became another one while a person was asked.

    Raises:
        ValueError: This folder works for somebody else by now, or has worked for them meanwhile.
    """
    with only_writer():
        if metrics_of(params)["training"] != registered.key:
            raise ValueError(
                f"meanwhile the champion of {registered.model} has become another one, and another model was trained in this folder, "
                f"so that version {registered.version} cannot be compared here: `heatmark promote {registered.version} --model "
                f"{registered.model} --because ...` makes it champion"
            )
        return promote(params, registered)


def metrics_of(params: Params) -> dict:
    return json.loads((ROOT / "reports" / params.name / "metrics.json").read_text(encoding="utf-8"))


@task(cache_policy=NO_CACHE, task_run_name="summarise")
def summarise(params: Params, version: str, registered: Registered, decision: Decision, metrics: dict) -> Summary:
    """The numbers of this run, in a table and in artifacts of the flow run."""
    from pipelines.new_data.drift import of_datasets
    from pipelines.new_data.features import TRAINING_FACES
    from pipelines.registry import links, tracking
    from pipelines.runtime.tables import read_table

    client, reports = tracking.connect(), ROOT / "reports" / params.name
    registry = tracking.Registry(client, registered.model)
    aliases, run = registry.aliases(), tracking.Run(client, registered.key, params.name)
    summary = Summary(
        metrics=metrics,
        faces_per_s=run.metric("faces_per_s"),
        faces_per_s_overall=run.metric("faces_per_s_overall"),
        data_version=version,
        run=registered.run,
        run_page=links.run_page(client, registered.run),
        model=registered.model,
        version=registered.version,
        aliases=tuple(sorted(alias for alias, number in aliases.items() if number == registered.version)),
        decision=decision.word,
        reason=decision.reason,
        report=f"reports/{params.name}/report.html",
        against=page_against(params),
        start=registry.tags(registered.version).get("start", ""),
        drifts=tuple(of_datasets(read_table(reports / TRAINING_FACES), params)),
    )
    publish(summary, params.name)
    return summary


def page_of_run() -> str:
    """Where Prefect shows this run; "" where its server ends with it."""
    return without_secrets(flow_run.ui_url) if get_current_settings().api.url else ""


def run_name() -> str:
    """What the page calls a run."""
    given = flow_run.parameters
    return f"retrain by {given['recipe'] or 'params.yaml'}" + (f" on {given['data']}" if given["data"] else "")


@flow(name="retrain", flow_run_name=run_name, on_failure=[tell_failure], on_crashed=[tell_failure])
def retrain(recipe: str = "", data: str = "", wait_h: Hours = WAIT_H) -> dict:
    """Brings data, model and evaluation up to date, and promotes the model if it is shown to be better than the champion.

    Args:
        recipe: A recipe's file to make the current one, by its path from the checkout; empty keeps params.yaml.
        data: A folder to copy into `data/`; empty takes what is there.
        wait_h: How many hours to wait for a person, where `promotion.approval` is required; then the version stays challenger.
    """
    require_block()
    with only_writer():
        params = check(recipe, data)
        done: object = use_recipe(recipe, params)
        if data:
            done = bring(data, params, wait_for=[done])
        done = version = version_data(wait_for=[done])
        asked = PARAMS.read_bytes()
        for stage in stages_of(params):
            refuse_edited(asked)
            if stage == "train" and params.train.start_from:
                done = laid = lay_start(params, wait_for=[done])
                if laid.new:
                    version = version_data(wait_for=[done])
                    done = run_stage("code", wait_for=[version])
            done = run_stage(stage, wait_for=[done])
        refuse_edited(asked)
        registered = register(params, wait_for=[push(wait_for=[done])])
        decision, metrics = promote(params, registered), metrics_of(params)
        summary = summarise(params, version, registered, decision, metrics)
    # Without the folder's lock: retrainings by hand, and experiments, go on while nobody answers.
    while answer := ask(registered, summary, wait_h):
        decision = settle(registered, answer) or promote_again(params, registered)
        summary = summarise(params, version, registered, decision, metrics)
    tell(f"{summary.model}: {summary.decision}", markdown(summary))
    return asdict(summary)


def main(recipe: str | None = None, data: str | None = None) -> None:
    """Retrains by RECIPE (default: the current params.yaml), on the dataset in DATA (default: what data/ holds)."""
    require_checkout()
    recipe, data = from_root(recipe), from_root(data)
    os.chdir(ROOT)
    go_apart()
    # The flow does as much, but not before Prefect's server has started.
    require_api()
    with only_writer():
        check.fn(recipe, data)
    # Prefect would print each line of its log that a server does not take, which went away.
    logging.raiseExceptions = False
    try:
        summary = retrain(recipe or "", data or "")
    except httpx.TransportError as error:  # after Prefect has asked again for a minute
        raise ValueError(
            f"Prefect's server went away ({type(error).__name__}): what is said above is done and kept, and the same command goes on from "
            "there; start the server, or unset PREFECT_API_URL to do without"
        ) from error
    show(Summary(**summary))


if __name__ == "__main__":
    command.run(main)
