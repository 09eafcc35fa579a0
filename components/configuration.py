"""Configuration: text -> plain fields -> a frozen dataclass, strictly; and what its docstring says of each field."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
import reprlib
from collections.abc import Collection, Mapping
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

Made = TypeVar("Made")
EXPECTED = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def check_known(registry: Collection[str], kind: str, name: object) -> str:
    """The name itself, if the registry has it.

    Raises:
        ValueError: It does not; the message lists what it has.
    """
    if not isinstance(name, str) or name not in registry:
        raise ValueError(f"unknown {kind} {shortened(name)}; known: {', '.join(sorted(registry))}")
    return name


def build(registry: Mapping[str, type[Made]], kind: str, fields: object) -> Made:
    """Makes the thing that `fields["name"]` names, of the other fields.

    Raises:
        ValueError: No mapping, an unknown name or field, or a value that the thing refuses.
    """
    if not isinstance(fields, Mapping):
        raise ValueError(f"{kind}: expected its name and fields, got {shortened(fields)}")
    if "name" not in fields:
        raise ValueError(f"{kind}.name is missing")
    made = registry[check_known(registry, kind, fields["name"])]
    return configure(made, f"{kind} {fields['name']!r}", {key: fields[key] for key in fields if key != "name"})


def configure(made: type[Made], kind: str, fields: object) -> Made:
    """Makes a dataclass of bool, int, float, str and tuple fields: every field known, none missing, each of its own type.

    A whole number passes for a float, and a list for a tuple; nothing else is converted ("48" is no 48, and true no 1).

    Raises:
        ValueError: With the field's name, what was expected and what was given.
    """
    if not isinstance(fields, Mapping):
        raise ValueError(f"{kind}: expected its fields, got {shortened(fields)}")
    known = {field.name: field for field in dataclasses.fields(made)}  # type: ignore[arg-type]
    if unknown := [_spelt(name) for name in fields if name not in known]:
        raise ValueError(f"{kind} has no {', '.join(sorted(unknown)[:5])}; it has {', '.join(sorted(known))}")
    needed = [name for name, field in known.items() if field.default is dataclasses.MISSING]
    if missing := sorted(set(needed) - set(fields)):
        raise ValueError(f"{kind} lacks {', '.join(missing)}")
    types = get_type_hints(made)
    return made(**{name: checked(value, types[name], f"{kind}: {name}") for name, value in fields.items()})


def checked(value: Any, expected: Any, name: str) -> Any:
    """The value, if it is of the type; `name` is what the error calls it.

    Raises:
        ValueError: It is not.
    """
    if get_origin(expected) is tuple:
        return _checked_tuple(value, get_args(expected), name)
    small = not isinstance(value, int | float) or abs(value) < 2**63  # NaN is not either
    if expected is float and type(value) is int and small:
        return float(value)
    if type(value) is not expected or not (small or (expected is float and math.isfinite(value))):
        raise ValueError(f"{name}: expected {EXPECTED[expected]}, got {shortened(value)}")
    return value


def _checked_tuple(value: Any, items: tuple[Any, ...], name: str) -> tuple:
    """Items (T, ...) are any number of T; else one value for each."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name}: expected a list, got {shortened(value)}")
    expected = [items[0]] * len(value) if items[-1] is ... else list(items)
    if len(value) != len(expected):
        raise ValueError(f"{name}: expected {len(expected)} values, got {len(value)}")
    return tuple(checked(one, each, f"{name}[{i}]") for i, (one, each) in enumerate(zip(value, expected, strict=True)))


def shortened(value: object) -> str:
    """A value as Python writes it, on one line, without what is long or deep: up to 200 characters."""
    writer = reprlib.Repr()
    writer.maxstring, writer.maxother, writer.maxlevel = 160, 60, 3
    text = writer.repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _spelt(name: object) -> str:
    """A key as it is where it could be a field's name, else as Python writes it."""
    return name if isinstance(name, str) and name.isidentifier() and len(name) <= 60 else shortened(name)


def parse_json(text: str) -> Any:
    """JSON as its standard has it: no NaN or Infinity, and no key twice.

    Raises:
        ValueError: Anything else, or nested too deeply to be read.
    """
    try:
        return json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"key {shortened(name)} is there twice")
        fields[name] = value
    return fields


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


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
