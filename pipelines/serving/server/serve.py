"""Serve: a model over HTTP on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import socket

import uvicorn

from pipelines.runtime import command
from pipelines.serving.inputs import shown
from pipelines.serving.server.answering import Answering
from pipelines.serving.server.app import make_app
from pipelines.serving.server.champion import Champion

HOST = "127.0.0.1"
# Requests in flight are answered; a client that keeps its body back is not waited for any longer.
END_S = 10
# Longer than clients keep an idle connection: whoever of the two ends it first must be the one who might use it again.
IDLE_S = 75


def listening(port: int) -> socket.socket:
    """A socket that has the port; 0 takes any that is free.

    Raises:
        ValueError: Somebody else has it, or nobody may.
    """
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of a server that has just ended
    try:
        own.bind((HOST, port))
        own.listen()
    except (OSError, OverflowError) as error:
        own.close()
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"port {port} of {HOST} cannot be had ({why}): choose another by --port") from error
    return own


def main(model: str, port: int = 8080) -> None:
    """Serves MODEL at the port until Ctrl-C.

    Raises:
        ValueError: There is no such model, or the port is taken.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a `kill` is a stop like a Ctrl-C
    own = listening(port)  # first: a model takes seconds to load
    with own:
        champion = Champion(model, Answering.load(model))
        config = uvicorn.Config(
            make_app(champion),
            log_level="warning",
            access_log=False,
            ws="none",
            server_header=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=END_S,
        )
        print(
            f"serve: {champion.now.what} answers, of {shown(model)}: http://{HOST}:{own.getsockname()[1]}", flush=True
        )
        try:
            uvicorn.Server(config).run(sockets=[own])
        except KeyboardInterrupt:  # uvicorn ends well at a signal, and sends it on
            print("serve: ended; what could be answered within 10 s is answered")


if __name__ == "__main__":
    command.run(main)
