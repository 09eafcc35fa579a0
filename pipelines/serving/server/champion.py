"""Who answers now: the model behind an alias, and the next one as soon as the alias moves.

The next version is loaded beside the one that answers, and takes its place between two batches. What cannot be loaded changes
nothing: the server goes on with the model that it has, and says so.
"""

from __future__ import annotations

import threading

from pipelines.serving.server.answering import Answering

# Between two looks at the alias, and after one that failed.
LOOK_S, RETRY_S = 5.0, 60.0


class Champion:
    """The model that answers.

    Args:
        where: The model as a person named it.
        first: That was loaded from there.

    Attributes:
        now: That answers; a batch takes it once, so that all of the batch have one model.
        trouble: Why the alias is not followed at the moment; "" if it is.
    """

    def __init__(self, where: str, first: Answering) -> None:
        self.where, self.now, self.trouble = where, first, ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follows the alias", daemon=True)

    def follow(self) -> None:
        """From now on looks at the alias every few seconds; a model that is named in another way cannot move."""
        if self.where.startswith("models:/") and "@" in self.where:
            self._thread.start()

    def end(self) -> None:
        """No further look."""
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.wait(RETRY_S if self.trouble else LOOK_S):
            self.look()

    def look(self) -> None:
        """Looks at the alias once, and changes the model if it has moved."""
        from pipelines.registry import tracking

        try:
            what = tracking.locate(self.where).what
            if what != self.now.what:
                print(f"serve: {self.where} is {what} now: it is being loaded", flush=True)
                self.now = Answering.load(self.where)
                print(f"serve: {self.now.what} answers", flush=True)
            self.trouble = ""
        except Exception as error:  # whatever it is, the model that there is can answer
            self.trouble = f"{self.where} cannot be followed, and {self.now.what} goes on answering: {error}"
            print(f"serve: {self.trouble}", flush=True)
