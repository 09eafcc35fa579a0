"""What is said of recipes to who reads them: the meaning of each key, and which recipes there are."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components import configuration
from components.codecs import CODECS
from components.networks import NETWORKS
from pipelines.runtime.strict_yaml import read_sheet

# The section whose keys are sections themselves.
DATASETS = "datasets"
CHOICES: dict[str, Mapping[str, type]] = {"codec": CODECS, "network": NETWORKS}


def meanings(params: BaseModel) -> dict[str, str]:
    """What each section and key is, by "section", "section.key" and so on; codec and network as they are chosen.

    Read from the docstrings under the keys, and from the "Attributes:" of sections that are dataclasses.
    """
    found: dict[str, str] = {}
    for name, field in type(params).model_fields.items():
        found[name] = field.description or ""
        found |= {f"{name}.{key}": text for key, text in _of_section(name, getattr(params, name)).items()}
    return found


def _of_section(name: str, section: Any) -> dict[str, str]:
    if name == DATASETS:
        return {key: text for source, of in section.items() for key, text in _of_dataset(source, of)}
    if isinstance(section, BaseModel):
        return {key: field.description or "" for key, field in type(section).model_fields.items()}
    if not is_dataclass(section):
        return {}
    said = configuration.meanings(type(section))
    if name in CHOICES:
        first = (inspect.getdoc(type(section)) or "").partition("\n")[0]
        said["name"] = f"One of {', '.join(sorted(CHOICES[name]))}. {first}"
    return said


def _of_dataset(name: str, source: BaseModel) -> Iterator[tuple[str, str]]:
    yield name, f"The files in data/{name}."
    for key, field in type(source).model_fields.items():
        yield f"{name}.{key}", field.description or ""


def listed(folder: Path, width: int) -> str:
    """The recipes of a folder: name, and the first sentence of what each says of itself."""
    lines = []
    for path in sorted(folder.glob("*.yaml")):
        head = " ".join(line.removeprefix("#").strip() for line in read_sheet(path).head)
        first = head.partition(". ")[0].removesuffix(".")
        lines += [path.stem, *textwrap.wrap(first, width, initial_indent="    ", subsequent_indent="    ")]
    return "\n".join(lines)
