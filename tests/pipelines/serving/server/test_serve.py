"""What the command refuses before anything is loaded."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from pipelines.serving.server.serve import listening, main


@pytest.fixture
def as_before() -> Iterator[None]:
    """The command is a process's own, and so are its signals; here they are put back."""
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


@pytest.mark.usefixtures("as_before")
def test_a_port_that_is_taken_is_a_sentence_before_a_model_is_looked_for():
    with listening(0) as taken:
        port = taken.getsockname()[1]
        sentence = rf"port {port} of 127\.0\.0\.1 cannot be had \(Address already in use\): choose another by --port"
        with pytest.raises(ValueError, match=sentence):
            main("away", port)


def test_a_free_port_is_one_of_this_machine_alone():
    with listening(0) as own:
        assert "127.0.0.1" == own.getsockname()[0]
