"""Metrics for Prometheus. Worker processes write them to one folder, which all of them read."""

from __future__ import annotations

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

# Set before the workers start; prometheus_client reads it when it is imported.
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one application.

    Attributes:
        requests: number of requests by endpoint and status.
        seconds: seconds from the first byte of a request to the last byte of the answer.
        verdicts: number of verdicts by endpoint.
        in_progress: number of requests that are being answered.
        streams: number of open streams.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter(
            "speakersdk_http_requests",
            "Requests that were answered",
            ("endpoint", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "speakersdk_http_request_seconds",
            "Duration of requests",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.verdicts = Counter(
            "speakersdk_verdicts",
            "Decisions by verdict",
            ("endpoint", "verdict"),
            registry=registry,
        )
        self.in_progress = Gauge(
            "speakersdk_http_requests_in_progress",
            "Requests that are being answered",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.streams = Gauge(
            "speakersdk_streams_open",
            "Open streams",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def text(self) -> bytes:
        """Return all metrics in the text format, summed over workers."""
        registry = self._registry
        if FOLDER_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
