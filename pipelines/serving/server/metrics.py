"""Numbers of a server, as Prometheus reads them; a registry of its own, so that two servers of one process do not mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

# By HTTP status; whatever is not named here is by the number.
OUTCOMES = {
    200: "answered",
    413: "too large",
    422: "refused",
    429: "queue full",
    499: "client gone",
    500: "failed",
    504: "too late",
}
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
FACES = (1, 2, 4, 8, 16, 32, 64, 100)


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own = self.registry
        asked = "Requests for landmarks, by what became of them."
        self.requests = Counter("heatmark_requests", asked, ["outcome"], registry=own)
        self.faces = Counter("heatmark_faces", "Faces whose landmarks were found.", registry=own)
        answered = "Of requests that were answered, from their first byte on."
        self.latency = Histogram("heatmark_latency_seconds", answered, buckets=SECONDS, registry=own)
        self.batches = Histogram(
            "heatmark_batch_faces", "Faces in one pass of the network.", buckets=FACES, registry=own
        )
        waiting = "Requests that were let in and have not left yet: answered, refused, or too late and let go of."
        self.open = Gauge("heatmark_open_requests", waiting, registry=own)
        for outcome in OUTCOMES.values():
            self.requests.labels(outcome)  # at 0 from the beginning, so that a first failure is a rise

    def computed(self, num_faces: int) -> None:
        """A pass of the network is over."""
        self.faces.inc(num_faces)
        self.batches.observe(num_faces)

    def ended(self, status: int, seconds: float) -> None:
        """A request for landmarks is over."""
        self.requests.labels(OUTCOMES.get(status, str(status))).inc()
        if status == 200:
            self.latency.observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
