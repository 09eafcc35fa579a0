"""DVC's default remote: where data and outputs are kept twice, if the checkout or this machine's own config names one."""

from __future__ import annotations

from pathlib import Path

from dvc.config import Config

from pipelines.runtime.secrets import without_secrets


def default_remote(root: Path) -> str | None:
    """Its name and place, as people may see them; None where none is configured.

    Raises:
        ValueError: The default is a remote that has no place.
    """
    config = Config(dvc_dir=str(root / ".dvc"))
    name = config["core"].get("remote")
    if name is None:
        return None
    if name not in config["remote"]:
        raise ValueError(f"DVC's default remote is {name!r}, but has no URL: `dvc remote add --default {name} PLACE`")
    return f"{name} at {without_secrets(config['remote'][name]['url'])}"
