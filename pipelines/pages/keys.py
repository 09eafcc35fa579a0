"""What is said of recipes to who reads them: the meaning of each key, and which recipes there are."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components import configuration
from components.codecs import CODECS
from components.networks import NETWORKS
from pipelines.runtime.strict_yaml import read_sheet

CHOICES: dict[str, Mapping[str, type]] = {"codec": CODECS, "network": NETWORKS}


def meanings(params: BaseModel) -> dict[str, str]:
    """What each section and key is, by "section" and "section.key"; codec and network as they are chosen.

    Read from the docstrings under the keys, and from the "Attributes:" of sections that are dataclasses.
    """
    found: dict[str, str] = {}
    for name, field in type(params).model_fields.items():
        found[name] = field.description or ""
        found |= {f"{name}.{key}": text for key, text in _of_section(name, getattr(params, name)).items()}
    return found


def _of_section(name: str, section: Any) -> dict[str, str]:
    if isinstance(section, BaseModel):
        return {key: field.description or "" for key, field in type(section).model_fields.items()}
    if not is_dataclass(section):
        return {}
    said = configuration.meanings(type(section))
    if name in CHOICES:
        first = (inspect.getdoc(type(section)) or "").partition("\n")[0]
        said["name"] = f"One of {', '.join(sorted(CHOICES[name]))}. {first}"
    return said


def listed(folder: Path, width: int) -> str:
    """The recipes of a folder: name, and the first sentence of what each says of itself."""
    lines = []
    for path in sorted(folder.glob("*.yaml")):
        head = " ".join(line.removeprefix("#").strip() for line in read_sheet(path).head)
        first = head.partition(". ")[0].removesuffix(".")
        lines += [path.stem, *textwrap.wrap(first, width, initial_indent="    ", subsequent_indent="    ")]
    return "\n".join(lines)
