"""The champion on new faces: how good it is on them, and how they differ from those that it was trained on."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.apart import go_apart
from flows.retrain import PARAMS, brought, check_folder
from flows.servers import require_api
from pipelines.runtime import command
from pipelines.runtime.environment import ROOT, from_root, require_checkout

if TYPE_CHECKING:
    from pipelines.new_data.measured import Measured
    from pipelines.params import Params


@task(cache_policy=NO_CACHE)
def check(folder: str, recipe: str | None, model: str | None) -> tuple[Params, str, str]:
    """Finds out whether there are faces and a champion; gives the params, the dataset that the folder is read as, and the model's name.

    Raises:
        ValueError: A key of the recipe is wrong, the folder is not of its dataset's layout or has links in it, or there is no
            such model, or no champion.
    """
    from pipelines.first_look import first_look
    from pipelines.new_data.champion import champion_of
    from pipelines.params import load_params
    from pipelines.registry.register import registered_name

    params = load_params(recipe or PARAMS)
    check_folder(folder)
    dataset = brought(folder, params)
    assert dataset is not None
    first_look(Path(folder), params.source(dataset))
    name = model or registered_name(params)
    champion_of(name)
    return params, dataset, name


@task(cache_policy=NO_CACHE)
def measure_champion(folder: str, dataset: str, params: Params, model: str) -> Measured:
    """Reads, cuts and predicts the new faces; keeps the figures as an MLflow run."""
    from pipelines.new_data.champion import measure_champion as measure_it
    from pipelines.new_data.measured import markdown

    measured = measure_it(Path(folder).resolve(), dataset, params, model)
    nme = f"NME {measured.metrics['nme']:.2%} on {measured.metrics['num_faces']} faces of {measured.folder}"
    get_run_logger().info(f"measure: {model} version {measured.version}: {nme}")
    create_markdown_artifact(key="measure", markdown=markdown(measured), description=f"{model}: {nme}")
    return measured


@flow(name="measure", flow_run_name="measure the champion on {folder}")
def measure(folder: str, recipe: str = "", model: str = "") -> dict:
    """Measures the champion on a folder of new faces; params.yaml, data/ and the registry's aliases stay as they are.

    Args:
        folder: With faces in the layout of one of the recipe's datasets: of its only one, or of that of the folder's name.
        recipe: A recipe's file, by its path from the checkout; empty takes params.yaml.
        model: Name of the registered model; empty takes the recipe's.
    """
    params, dataset, name = check(folder, recipe, model)
    return asdict(measure_champion(folder, dataset, params, name))


def main(folder: str, recipe: str | None = None, model: str | None = None) -> None:
    """Measures the champion of MODEL (default: the recipe's) on the new faces in FOLDER, by RECIPE (default: params.yaml)."""
    require_checkout()
    place, recipe = from_root(folder) or folder, from_root(recipe)
    os.chdir(ROOT)
    go_apart()
    require_api()
    check.fn(place, recipe, model)
    from pipelines.new_data.measured import Measured, show

    show(Measured(**measure(place, recipe or "", model or "")))


if __name__ == "__main__":
    command.run(main)
