"""The model that answers, and what is known of it."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from pipelines.serving.faces import Faces
from pipelines.serving.model import REGISTRY, Model, fetched, load


class Answering(NamedTuple):
    """A model with its name.

    Attributes:
        model: That finds landmarks.
        what: "heatmark-demo version 3" or "run ID"; of a folder or an exported file, the file's name.
        facts: Those of `pipelines.serving.model.FACTS` that are known.
    """

    model: Model
    what: str
    facts: dict[str, str]

    @classmethod
    def load(cls, where: str) -> Answering:
        """Loads what a person names, as `pipelines.serving.model.load` does.

        Raises:
            ValueError: There is no such model, or it cannot be used.
        """
        if not where.startswith(REGISTRY):
            model = load(where)
            facts = getattr(model.network, "facts", {})  # an exported file has been told
            return cls(model, facts.get("model") or Path(where).name, facts)
        with TemporaryDirectory() as place:
            saved = fetched(where, Path(place))
            return cls(load(saved.folder), saved.what, saved.facts)

    @property
    def named(self) -> dict[str, str | None]:
        """Name and version; a version of None for what is in no registry."""
        parts = re.fullmatch(r"(.+) version (\d+)", self.what)
        return {"name": parts[1], "version": parts[2]} if parts else {"name": self.what, "version": None}

    def told(self) -> dict[str, Any]:
        """All that is known of the model, JSON-ready."""
        facts = {name: said for name, said in self.facts.items() if name != "model"}
        interval = facts.get("test_nme_interval", "").split(" to ")
        numbers: dict[str, Any] = {}
        if "test_nme" in facts:
            numbers["test_nme"] = float(facts["test_nme"])
        if len(interval) == 2:
            numbers["test_nme_interval"] = [float(end) for end in interval]
        scheme = self.model.scheme
        return {
            **self.named,
            **facts,
            **numbers,
            "boxes": self.model.box,
            "scheme": scheme.name,
            "landmarks": scheme.names,
            "outlines": scheme.outlines,
        }

    def answer(self, faces: Faces) -> dict[str, Any]:
        """What is said of the faces on one picture, JSON-ready; landmarks in px of the picture, errors in % of the protocol's normaliser."""
        landmarks = faces.landmarks.astype(float).round(3).tolist()
        confidence = faces.confidence.astype(float).round(4).tolist()
        means = faces.confidence.mean(axis=1).astype(float).round(4).tolist()
        errors = faces.expected_error.astype(float).round(3).tolist() if faces.protocol else [None] * len(faces)
        unsaid = np.isnan(faces.visible).any()
        visible = [None] * len(faces) if unsaid else faces.visible.astype(float).round(4).tolist()
        boxes = faces.boxes.round(3).tolist()
        keys = ("box", "landmarks", "confidence", "mean_confidence", "expected_error", "visible")
        columns = (boxes, landmarks, confidence, means, errors, visible)
        found = [dict(zip(keys, face, strict=True)) for face in zip(*columns, strict=True)]
        return {
            "model": self.named,
            "scheme": self.model.scheme.name,
            "protocol": faces.protocol or None,
            "faces": found,
        }
