"""What a person decides about a version: promote it, roll back to an earlier champion, retire it. A flow each, so that it is seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from prefect import flow, get_run_logger
from pydantic import Field

from flows.apart import go_apart
from pipelines.runtime.environment import ROOT, require_checkout

if TYPE_CHECKING:
    from pipelines.registry.history import Entry

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Version = Annotated[str, Field(pattern=r"^[1-9][0-9]*$")]
VersionOrNone = Annotated[str, Field(pattern=r"^([1-9][0-9]*)?$")]  # a field of the page that may stay empty


@flow(name="promote", flow_run_name="promote {model} version {version}")
def promote(model: Text, version: Version, because: Text, by: Text) -> str:
    """Makes a version champion, whatever the gate says of it.

    Args:
        model: Name of the registered model, as heatmark-demo.
        version: The version's number.
        because: The reason, which the history keeps.
        by: Who decides: your name, for the history.
    """
    from pipelines.registry import decisions
    from pipelines.registry.tracking import Registry

    return _said(decisions.promote(Registry.existing(model), version, because, by))


@flow(name="last look", flow_run_name="last look at {model} version {version}")
def promote_final(model: Text, version: Version, because: Text, by: Text) -> str:
    """Makes a version champion, if it is better on the faces that were kept aside; each look wears them out.

    Args:
        model: Name of the registered model, as heatmark-demo: of the recipe that this checkout was trained by last.
        version: The version's number.
        because: The reason, which the history keeps.
        by: Who decides: your name, for the history.

    Raises:
        ValueError: It is not shown to be better, or there is nothing to show it by.
    """
    from pipelines.registry import final
    from pipelines.registry.tracking import Registry

    registry = Registry.existing(model)
    params, faces = final.kept_aside(registry.name)
    entry = final.promote(registry, params, faces, version, because, by)
    if entry.action != "promote":
        raise ValueError(f"{model} version {version} does not become champion: {entry.action}, {entry.reason}")
    return _said(entry)


@flow(name="roll back", flow_run_name="roll back {model}")
def roll_back(model: Text, because: Text, by: Text, to: VersionOrNone = "") -> str:
    """Puts an earlier champion back; the one that it was is not promoted again by a retraining.

    Args:
        model: Name of the registered model, as heatmark-demo.
        because: The reason, which the history keeps.
        by: Who decides: your name, for the history.
        to: The number of the version to go back to; empty for the champion before.
    """
    from pipelines.registry import decisions
    from pipelines.registry.tracking import Registry

    return _said(decisions.roll_back(Registry.existing(model), to or None, because, by))


@flow(name="retire", flow_run_name="retire {model} version {version}")
def retire(model: Text, version: Version, because: Text, by: Text) -> str:
    """Takes a version out of the running: no retraining promotes it.

    Args:
        model: Name of the registered model, as heatmark-demo.
        version: The version's number.
        because: The reason, which the history keeps.
        by: Who decides: your name, for the history.
    """
    from pipelines.registry import decisions
    from pipelines.registry.tracking import Registry

    return _said(decisions.retire(Registry.existing(model), version, because, by))


def _said(entry: Entry) -> str:
    now = {
        "promote": f"version {entry.version} is champion"
        + (f" in the place of {entry.champion}" if entry.champion else ""),
        "roll back": f"version {entry.version} is champion again, and {entry.champion} is rolled back",
        "retire": f"version {entry.version} is retired",
    }[entry.action]
    said = f"{entry.model}: {now}"
    get_run_logger().info(said)
    return said


def main(decide: Callable[..., str], model: str | None, because: str, **which: str | None) -> None:
    """Lets a person, who types this, decide; what cannot be is refused before Prefect is started.

    Raises:
        ValueError: There is no such model or version, it is champion or not as it has to be, or another decision is under way.
    """
    require_checkout()
    os.chdir(ROOT)
    from pipelines.registry.history import person
    from pipelines.registry.register import own_model
    from pipelines.registry.tracking import Registry

    registry = Registry.existing(model or own_model())
    for version in filter(None, which.values()):
        registry.require(version)
    if not because.strip():
        raise ValueError('a decision needs its reason: --because "..."')
    if decide is promote_final:
        from pipelines.registry import final

        final.kept_aside(registry.name)
    go_apart()
    given = {name: version for name, version in which.items() if version}
    print(decide(model=registry.name, because=because, by=person(), **given), flush=True)
