"""The server of a model that was never trained, over real HTTP: in a thread of the tests' own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import uvicorn

from pipelines.serving.server.answering import Answering
from pipelines.serving.server.app import make_app
from pipelines.serving.server.champion import Champion
from pipelines.serving.server.serve import listening

Serving = Callable[[Champion], AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="session")
def answering(model_folder: Path) -> Answering:
    return Answering.load(str(model_folder))


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Serves for a block, which gets a client."""

    @contextmanager
    def serve(champion: Champion) -> Iterator[httpx.Client]:
        with listening(0) as own:
            server = uvicorn.Server(uvicorn.Config(make_app(champion), log_level="warning", ws="none"))
            thread = threading.Thread(target=server.run, args=([own],))
            thread.start()
            while not server.started:
                time.sleep(0.01)
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{own.getsockname()[1]}", timeout=60) as client:
                    yield client
            finally:
                server.should_exit = True
                thread.join()

    return serve


@pytest.fixture(scope="session")
def client(serving: Serving, answering: Answering) -> Iterator[httpx.Client]:
    """Of a server that all tests ask which do not change it."""
    with serving(Champion("a folder", answering)) as client:
        yield client


def png(picture: np.ndarray) -> bytes:
    """A file of the picture, which loses nothing."""
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


@pytest.fixture(scope="session")
def files(drawn: list[np.ndarray]) -> list[bytes]:
    """The two drawn faces as PNG."""
    return [png(picture) for picture in drawn]
