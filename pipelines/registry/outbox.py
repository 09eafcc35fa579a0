"""What is on its way to MLflow: lines of JSON in a file, which outlive a server that is away and a driver that was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Outbox:
    """Messages in order, each written down before it is sent.

    Args:
        path: Of the file; there is none while nothing waits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, message: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message) + "\n")

    def messages(self) -> list[dict[str, Any]]:
        """All that wait; a line that was cut short by a kill is none."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
