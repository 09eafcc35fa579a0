"""A saved model's two files: weights as safetensors, and JSON that says what they are of, with their SHA-256."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from components.configuration import parse_json, shortened

WEIGHTS, CONFIG = "model.safetensors", "model.json"
CHECKSUM = "weights_sha256"
# That of 98 landmarks has 6 kB.
MAX_CONFIG_BYTES = 1_000_000
# What networks are saved in: weights, and batch norm's count of batches.
TYPES = {torch.float32: "F32", torch.int64: "I64"}

Weights = dict[str, torch.Tensor]


def write(folder: Path, fields: Mapping[str, Any], weights: Weights) -> None:
    """Writes both files into an existing folder."""
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    whole = {**fields, CHECKSUM: sha256(folder / WEIGHTS)}
    (folder / CONFIG).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_fields(folder: Path) -> Any:
    """Whatever the JSON file says.

    Raises:
        ValueError: A file is missing or too large, or no JSON.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} holds no model: {name} is missing")
    size = (folder / CONFIG).stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise _unusable(folder, f"{CONFIG} has {size:,} bytes, and may have {MAX_CONFIG_BYTES:,}")
    try:
        return parse_json((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _unusable(folder, f"{CONFIG}: {error}") from error


def read_weights(folder: Path, checksum: object, like: Weights) -> Weights:
    """The weights, once they are known to be those that were written, and to fit: no memory is taken for others.

    Args:
        folder: Of the model.
        checksum: What the JSON file says of the weights' file; None before there were checksums.
        like: Names, shapes and types that are expected.

    Raises:
        ValueError: Another file than was written, no safetensors, not the weights of such a network, or not finite.
    """
    _check_file(folder, checksum)
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            _check_layout(file, like)
            weights = {name: file.get_tensor(name) for name in like}
    except SafetensorError as error:  # in words from the file
        raise _unusable(folder, f"{WEIGHTS}: {shortened(str(error))}") from error
    except ValueError as error:
        raise _unusable(folder, f"{WEIGHTS}: {error}") from error
    for name, value in weights.items():
        if not value.isfinite().all():
            raise _unusable(folder, f"{WEIGHTS}: {name} is not finite")
    return weights


def _check_file(folder: Path, checksum: object) -> None:
    if checksum is None:
        # stacklevel: the line that loads the model.
        warnings.warn(
            f"{folder} was written before checksums: nothing says whether its weights are whole", stacklevel=4
        )
        return
    if not (isinstance(checksum, str) and re.fullmatch("[0-9a-f]{64}", checksum)):
        raise _unusable(folder, f"{CHECKSUM}: expected 64 hexadecimal digits, got {shortened(checksum)}")
    found = sha256(folder / WEIGHTS)
    if found != checksum:
        raise _unusable(folder, f"{WEIGHTS} has the SHA-256 {found}, and {CONFIG} says {checksum}")


def _check_layout(file: Any, like: Weights) -> None:
    names = set(file.keys())
    if missing := sorted(set(like) - names):
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    if unknown := sorted(names - set(like)):
        raise ValueError(f"{len(unknown)} weights are not of this network, the first is {shortened(unknown[0])}")
    for name, expected in like.items():
        found = file.get_slice(name)
        wanted = list(expected.shape), TYPES[expected.dtype]
        if (found.get_shape(), found.get_dtype()) != wanted:
            raise ValueError(f"{name}: expected {wanted[1]} {wanted[0]}, got {found.get_dtype()} {found.get_shape()}")


def _unusable(folder: Path, reason: str) -> ValueError:
    return ValueError(f"{folder} holds no model that can be used: {reason}")
