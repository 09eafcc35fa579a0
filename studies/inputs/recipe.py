"""A base recipe with some of its keys changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipelines.params import Params

Changes = Mapping[str, Any]


def with_changes(base: Params, changes: Changes) -> Params:
    """The base with some keys of its sections changed; what is named anew (a codec, a network, the datasets) is replaced whole.

    Raises:
        ValueError: The result is no recipe: an unknown key or name, or parts that do not fit together.
    """
    fields = base.model_dump()
    for section, keys in changes.items():
        merged = isinstance(keys, Mapping) and "name" not in keys and section != "datasets"
        fields[section] = {**fields[section], **keys} if merged else keys
    try:
        return Params.model_validate(fields)
    except ValidationError as error:
        problems = [
            (".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_url=False)
        ]
        told = "; ".join(f"{place}: {message}" if place else message for place, message in problems)
        raise ValueError(f"recipe {base.name!r}, changed for this study: {told}") from error
