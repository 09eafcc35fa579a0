"""The front door: what a person types (`heatmark ...`) and imports, a dozen names that load when they are used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.codecs import CODECS
    from components.datasets import DATASETS
    from components.metrics import PROTOCOLS
    from components.model import LandmarkModel
    from components.networks import NETWORKS
    from components.schemes import SCHEMES
    from pipelines.params import load_params
    from pipelines.serving.faces import Faces
    from pipelines.serving.model import Model, load

__version__ = "0.1.0"

_HOMES = {
    "CODECS": "components.codecs",
    "DATASETS": "components.datasets",
    "Faces": "pipelines.serving.faces",
    "LandmarkModel": "components.model",
    "Model": "pipelines.serving.model",
    "NETWORKS": "components.networks",
    "PROTOCOLS": "components.metrics",
    "SCHEMES": "components.schemes",
    "load": "pipelines.serving.model",
    "load_params": "pipelines.params",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'heatmark' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CODECS",
    "DATASETS",
    "NETWORKS",
    "PROTOCOLS",
    "SCHEMES",
    "Faces",
    "LandmarkModel",
    "Model",
    "__version__",
    "load",
    "load_params",
]
