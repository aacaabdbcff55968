"""The checks of every request: the page that sent it, the client's key, and its size.

Browsers let any page send requests to a service on the same machine. A page on the Internet must
not enroll or delete speakers, and therefore requests with a foreign `Origin` or `Host` are refused.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speakersdk_http.problems import answer
from speakersdk_http.settings import LOOPBACK, Settings
from speakersdk_http.shutdown import REST_S, Shutdown

# Paths without a key, for balancers and readers of the interface; they reveal nothing.
OPEN_PATHS: Final = ("/healthz", "/readyz", "/docs", "/openapi.json", "/swagger")
_POLICY_VIOLATION: Final = 1008


class RequestChecks:
    """ASGI middleware that adds the client's name to the scope as ``client_name``."""

    def __init__(self, app: ASGIApp, settings: Settings, shutdown: Shutdown) -> None:
        self._app = app
        self._settings = settings
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self._hand_on(scope, receive, send, headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal[1]})
        else:
            status, message = refusal
            kind = {401: "Unauthorized", 403: "Forbidden"}[status]
            more = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            await answer(status, message, kind=kind, headers=more)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return the status and message of a refusal; None if the request may pass."""
        settings = self._settings
        host = headers.get("host", "")
        if settings.is_loopback and _name_of(host) not in LOOPBACK | {settings.host}:
            return 403, "expected a Host of this machine; the service listens only on loopback"
        origin = headers.get("origin")
        own = {f"{scheme}://{host}" for scheme in ("http", "https")}
        if origin is not None and origin not in own | set(settings.origins):
            return 403, f"expected a page of this service, got one of {origin}; allow it: --origin"
        scope["client_name"] = "local"
        path: str = scope["path"]
        is_open = any(path == each or path.startswith(f"{each}/") for each in OPEN_PATHS)
        if not settings.keys or is_open:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        client = settings.client_of(key.strip()) if scheme.lower() == "bearer" else None
        if client is None:
            return 401, "expected a valid key: Authorization: Bearer KEY"
        scope["client_name"] = client
        return None

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Pass the request on, unless its body is too large or does not arrive."""
        maximum = self._settings.maximum_bytes
        announced = headers.get("content-length", "0")
        if scope["type"] == "http" and announced.isdecimal() and int(announced) > maximum:
            await self._too_large()(scope, receive, send)
            return
        taken, is_whole, is_answered = 0, scope["type"] != "http", False

        async def counted() -> Message:
            nonlocal taken, is_whole
            if is_whole:  # only the end of the connection can follow
                return await receive()
            try:
                async with self._shutdown.wait(self._settings.idle_s):
                    message = await receive()
            except TimeoutError as error:
                late = _stopping() if self._shutdown.is_last else self._too_slow()
                raise _BodyError(late) from error
            is_whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > maximum:
                raise _BodyError(self._too_large())
            return message

        async def observed(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, counted, observed)
        except _BodyError as error:
            if is_answered:
                raise
            await error.answer(scope, receive, send)

    def _too_slow(self) -> ASGIApp:
        return answer(
            408,
            f"expected the rest of the request within {self._settings.idle_s:g} s",
            kind="TooSlow",
            headers={"Connection": "close"},
        )

    def _too_large(self) -> ASGIApp:
        megabytes = self._settings.maximum_bytes / 1e6
        return answer(
            413,
            f"expected at most {megabytes:g} MB in a request; send less audio, or FLAC",
            kind="TooLarge",
            headers={"Connection": "close"},  # the rest of the body is not read
        )


def _stopping() -> ASGIApp:
    return answer(
        503,
        f"the service is stopping, and the rest of the request did not come within {REST_S:g} s; "
        "send it again",
        kind="Stopping",
        headers={"Connection": "close", "Retry-After": "1"},
    )


def _name_of(host: str) -> str:
    """Return the name of a host without its port; empty if it cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets that are not closed
        return ""


class _BodyError(Exception):
    """The body is too large or does not arrive.

    It is not a TimeoutError, which the application itself would answer.

    Attributes:
        answer: the answer to the request.
    """

    def __init__(self, answer: ASGIApp) -> None:
        super().__init__()
        self.answer = answer
