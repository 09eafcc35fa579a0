"""What the faces may be used for that have made a model; a policy can keep a model from becoming champion by it."""

from __future__ import annotations

from collections.abc import Sequence

from components.datasets import DATASETS
from pipelines.params import Params
from pipelines.registry import tracking
from pipelines.registry.start import Start
from pipelines.runtime.environment import ROOT

# The tag of a run and of a version.
LICENCES, BETWEEN, UNKNOWN = "licences", "; ", "unknown"


def licences(params: Params, parent: Start | None, client: tracking.MlflowClient) -> str:
    """The licences of all datasets that a model has learnt from, and of the model that it started from; sorted, each once.

    Args:
        params: That it was trained with.
        parent: The model that it started from.
        client: Of the store in which that one's run is.
    """
    names = params.sources("train")
    found = {DATASETS[params.source(name).reader].licence_in(ROOT / "data" / name) for name in names}
    if parent is not None:
        found |= set(tracking.run_tags(client, parent.run).get(LICENCES, UNKNOWN).split(BETWEEN))
    return BETWEEN.join(sorted(found))


def refusal(said: str, refused: Sequence[str]) -> str:
    """Why a version with these licences never becomes champion by itself; "" if nothing is against it.

    Args:
        said: As `licences` gives them.
        refused: As `promotion.refused_licences` names them.
    """
    found = sorted(set(said.split(BETWEEN)) & set(refused))
    return f"it learnt from faces whose licence promotion.refused_licences refuses: {', '.join(found)}" if found else ""
