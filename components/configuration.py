"""Configuration: plain fields -> a frozen dataclass, strictly; and what its docstring says of each field."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

Made = TypeVar("Made")
EXPECTED = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def check_known(registry: Mapping[str, Any], kind: str, name: object) -> str:
    """The name itself, if the registry has it.

    Raises:
        ValueError: It does not; the message lists what it has.
    """
    if not isinstance(name, str) or name not in registry:
        raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(sorted(registry))}")
    return name


def build(registry: Mapping[str, type[Made]], kind: str, fields: object) -> Made:
    """Makes the thing that `fields["name"]` names, of the other fields.

    Raises:
        ValueError: No mapping, an unknown name or field, or a value that the thing refuses.
    """
    if not isinstance(fields, Mapping):
        raise ValueError(f"{kind}: expected its name and fields, got {fields!r}")
    if "name" not in fields:
        raise ValueError(f"{kind}.name is missing")
    made = registry[check_known(registry, kind, fields["name"])]
    return configure(made, f"{kind} {fields['name']!r}", {key: fields[key] for key in fields if key != "name"})


def configure(made: type[Made], kind: str, fields: object) -> Made:
    """Makes a dataclass of bool, int, float and str fields: every field known, none missing, each of its own type.

    A whole number passes for a float; nothing else is converted ("48" is no 48, and true no 1).

    Raises:
        ValueError: With the field's name, what was expected and what was given.
    """
    if not isinstance(fields, Mapping):
        raise ValueError(f"{kind}: expected its fields, got {fields!r}")
    known = {field.name: field for field in dataclasses.fields(made)}  # type: ignore[arg-type]
    if unknown := [str(name) for name in fields if name not in known]:
        raise ValueError(f"{kind} has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    needed = [name for name, field in known.items() if field.default is dataclasses.MISSING]
    if missing := sorted(set(needed) - set(fields)):
        raise ValueError(f"{kind} lacks {', '.join(missing)}")
    types = get_type_hints(made)
    return made(**{name: _checked(value, types[name], f"{kind}: {name}") for name, value in fields.items()})


def _checked(value: Any, expected: type, name: str) -> Any:
    if expected is float and type(value) is int and abs(value) < 1e300:
        return float(value)
    if type(value) is not expected or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{name}: expected {EXPECTED[expected]}, got {value!r}")
    return value


def meanings(made: type) -> dict[str, str]:
    """What the docstrings of a dataclass and of those that it extends say of each field under "Attributes:"."""
    found: dict[str, str] = {}
    for cls in reversed(made.__mro__):
        section = re.search(r"^Attributes:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE)
        for entry in re.split(r"^ {4}(?=\w)", section[1], flags=re.MULTILINE) if section else []:
            name, colon, text = entry.partition(":")
            if colon:
                found[name.strip()] = " ".join(text.split())
    return {field.name: found.get(field.name, "") for field in dataclasses.fields(made)}
