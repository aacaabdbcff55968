"""The application: endpoints, health, metrics, and the page of the interface."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final

import anyio
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from speakersdk import SpeakerSdkError
from speakersdk_http.answers import (
    EmbedAnswer,
    IdentifyAnswer,
    ProblemAnswer,
    RegisterAnswer,
    VerifyAnswer,
    VoicesAnswer,
)
from speakersdk_http.checks import RequestChecks
from speakersdk_http.interface import body_of, describe
from speakersdk_http.live import LiveStreams, without_traceback
from speakersdk_http.metrics import CONTENT_TYPE, Metrics
from speakersdk_http.problems import answer, problem
from speakersdk_http.questions import (
    EmbedQuestion,
    ForgetQuestion,
    IdentifyQuestion,
    RegisterQuestion,
    VerifyQuestion,
    read_question,
)
from speakersdk_http.service import SpeakerService
from speakersdk_http.settings import Settings
from speakersdk_http.shutdown import Shutdown
from speakersdk_http.threads import BusyError, RequestThreads

_CLIENT_LEFT: Final = 499  # of nginx, for metrics
_SHOWN: Final = 200  # characters of a path that a message quotes
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": ProblemAnswer, "description": "refused; `error.message` says why"}
}


def create_app(settings: Settings) -> FastAPI:
    """Make the application of one process.

    Raises:
        SpeakerSdkError: the verifier cannot be opened.
    """
    service = SpeakerService(settings)
    metrics = Metrics()
    shutdown = Shutdown(settings.drain_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        shutdown.install()
        logging.getLogger("uvicorn.error").addFilter(without_traceback)
        yield
        service.close()

    app = FastAPI(
        title="speakersdk",
        description="Verify and identify speakers at a false-accept rate that you choose.",
        version=service.verifier.manifest.name,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    interface = cache(partial(describe, app))
    app.openapi = interface  # type: ignore[method-assign]
    app.mount("/swagger", StaticFiles(directory=swagger_ui_path))
    app.add_middleware(RequestChecks, settings=settings, shutdown=shutdown)
    _answer_errors(app)
    _measure_requests(app, metrics, shutdown)
    _add_voice_endpoints(app, service, settings, metrics)
    _add_health(app, metrics, shutdown)
    _add_page(app)
    return app


def _answer_errors(app: FastAPI) -> None:
    app.exception_handler(SpeakerSdkError)(_refused)
    app.exception_handler(OSError)(_refused)
    app.exception_handler(BusyError)(_busy)
    app.exception_handler(HTTPException)(_not_served)
    app.exception_handler(ClientDisconnect)(_left)
    app.exception_handler(Exception)(_refused)


def _measure_requests(app: FastAPI, metrics: Metrics, shutdown: Shutdown) -> None:
    @app.middleware("http")
    async def measured(
        request: Request, follow: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Count and time the request; at shutdown, ask clients to leave."""
        began = time.perf_counter()
        with metrics.in_progress.track_inprogress():
            response = await follow(request)
        route = request.scope.get("route")
        endpoint = getattr(route, "path", "other")
        metrics.requests.labels(endpoint, response.status_code).inc()
        metrics.seconds.labels(endpoint).observe(time.perf_counter() - began)
        if shutdown.is_coming:
            response.headers["Connection"] = "close"
        return response


def _add_voice_endpoints(
    app: FastAPI, service: SpeakerService, settings: Settings, metrics: Metrics
) -> None:
    threads = RequestThreads(threads=settings.threads, maximum_waiting=settings.maximum_waiting)
    live = LiveStreams(service, settings, metrics)

    def counted(endpoint: str, found: Any) -> Any:
        """Count the verdict of an answer."""
        metrics.verdicts.labels(endpoint, found.verdict).inc()
        return found

    @app.post(
        "/v1/voice/verify", response_model=VerifyAnswer, openapi_extra=body_of(VerifyQuestion)
    )
    async def verify(request: Request) -> Any:
        """Compare two recordings, or a recording and an enrolled speaker."""
        question = await read_question(request, VerifyQuestion)
        found = await threads.run(lambda: service.verify(question))
        return counted("verify", found)

    @app.post(
        "/v1/voice/identify", response_model=IdentifyAnswer, openapi_extra=body_of(IdentifyQuestion)
    )
    async def identify(request: Request) -> Any:
        """Find out which enrolled speaker it is, if any."""
        question = await read_question(request, IdentifyQuestion)
        client = request.scope["client_name"]
        found = await threads.run(lambda: service.identify(question, client=client))
        return counted("identify", found)

    @app.post(
        "/v1/voice/register", response_model=RegisterAnswer, openapi_extra=body_of(RegisterQuestion)
    )
    async def register(request: Request) -> Any:
        """Enroll a speaker."""
        question = await read_question(request, RegisterQuestion)
        return await threads.run(lambda: service.register(question))

    @app.post("/v1/voice/forget", status_code=204, openapi_extra=body_of(ForgetQuestion))
    async def forget(request: Request) -> Response:
        """Delete the voiceprint of a speaker."""
        question = await read_question(request, ForgetQuestion)
        await threads.run(lambda: service.forget(question))
        return Response(status_code=204)

    @app.post("/v1/voice/embed", response_model=EmbedAnswer, openapi_extra=body_of(EmbedQuestion))
    async def embed(request: Request) -> Any:
        """Compute the embedding of a recording."""
        question = await read_question(request, EmbedQuestion)
        return await threads.run(lambda: service.embed(question))

    @app.get("/v1/voice/voices", response_model=VoicesAnswer)
    async def enrolled() -> Any:
        """List the enrolled speakers."""
        return await threads.run(service.voices)

    @app.websocket("/v1/voice/stream")
    async def stream(socket: WebSocket) -> None:
        await live.serve(socket)


def _add_health(app: FastAPI, metrics: Metrics, shutdown: Shutdown) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def ready() -> JSONResponse:
        status = "stopping" if shutdown.is_coming else "ok"
        return JSONResponse({"status": status}, status_code=503 if shutdown.is_coming else 200)

    @app.get("/metrics", include_in_schema=False)
    async def measurements() -> Response:
        text = await anyio.to_thread.run_sync(metrics.text)
        return Response(text, media_type=CONTENT_TYPE)


def _add_page(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="speakersdk",
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
        )


def _left(_: Request, __: Exception) -> Response:
    """Answer nobody: the client has closed the connection within its request."""
    return Response(status_code=_CLIENT_LEFT)


def _refused(_: Request, error: Exception) -> JSONResponse:
    return problem(error)


def _not_served(request: Request, error: HTTPException) -> JSONResponse:
    """Answer a path or a method that does not exist, or a form that cannot be read."""
    message = error.detail
    path = request.url.path[:_SHOWN]
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"{request.method} {path} is not served; the interface is at /docs"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        served = (error.headers or {}).get("Allow", "another method")
        message = f"{path} does not take {request.method}; send {served}"
    kind = HTTPStatus(error.status_code).phrase.replace(" ", "")
    return answer(error.status_code, message, kind=kind, headers=dict(error.headers or {}))


def _busy(_: Request, __: Exception) -> JSONResponse:
    return answer(
        503, "too many requests wait; try again", kind="Busy", headers={"Retry-After": "1"}
    )
