"""The addresses of the server, and what each gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipelines.serving.server.batching import Batching
from pipelines.serving.server.champion import Champion
from pipelines.serving.server.limits import RETRY_AFTER_S
from pipelines.serving.server.metrics import Metrics
from pipelines.serving.server.predicting import Predicting
from pipelines.serving.server.refusal import Refusal
from pipelines.serving.server.trimming import Trimming

PAGE = Path(__file__).with_name("page.html")
# The page brings all that it needs, and nothing else may be brought onto it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob: data:; connect-src 'self'"
)
# A page of somebody else's, whose name was made to mean this machine, is not to ask on a visitor's behalf.
HOSTS = ["127.0.0.1", "localhost"]
PICTURE = {
    "requestBody": {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}, "required": True}
}
Boxes = Annotated[list[str], Query(description="x0,y0,x1,y1 of a face, px of the picture; may be repeated.")]
Whole = Annotated[bool, Query(description="The picture is one face's box.")]


def make_app(champion: Champion) -> FastAPI:
    """The server of a model; its threads run while it does."""
    metrics = Metrics()
    batching = Batching(lambda: champion.now, metrics.computed)
    predicting, trimming = Predicting(batching, metrics), Trimming()
    page = PAGE.read_text(encoding="utf-8")

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        batching.start()
        trimming.start()
        champion.follow()
        yield
        champion.end()
        trimming.end()
        predicting.decoders.shutdown()
        batching.end()

    # Its own pages of documentation take their scripts from elsewhere; docs/serving.md says the same.
    app = FastAPI(title="heatmark serve", lifespan=running, docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    for kind in (Refusal, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, in_a_sentence)

    @app.post("/predict", openapi_extra=PICTURE)
    async def predict(request: Request, box: Boxes = [], whole: Whole = False) -> JSONResponse:  # noqa: B006
        """The landmarks of the faces on the picture in the body."""
        return JSONResponse(await predicting.answer(request, box, whole))

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether a model answers, and whether its alias is followed."""
        return {"status": "ok", "model": champion.now.named, "trouble": champion.trouble or None}

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What is known of the model that answers."""
        return champion.now.told()

    @app.get("/metrics")
    async def numbers() -> Response:
        """For Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def try_it() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    return app


async def in_a_sentence(_: Request, error: Exception) -> JSONResponse:
    """Whatever went wrong as {"detail": SENTENCE}, without a traceback."""
    headers = {}
    if isinstance(error, Refusal):
        status, sentence = error.status, error.sentence
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 429 else {}
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        status, sentence = 422, f"{first['loc'][-1]}: {first['msg']}"
    elif isinstance(error, HTTPException):
        status, sentence = error.status_code, str(error.detail)
    else:
        status, sentence = 500, "the server failed; its log says how"
    return JSONResponse({"detail": sentence}, status, headers)
