"""What `/metrics` shows. No customer, store or token ever becomes a label."""

import time
from collections.abc import Callable, Iterable

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from domain.messages import Outcome
from domain.values import Value
from notifiers.outcomes import ERROR_CODES
from scheduler.patience import Breaker


class Metrics:
    """The process's counters, on a registry of its own so that two applications never share one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "whenabouts_http_request_seconds",
            "Time to answer, by route and status",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
        )
        self.decisions = Counter(
            "whenabouts_decisions_total",
            "Decisions by outcome and first reason",
            ["outcome", "reason"],
            registry=self.registry,
        )
        self.deliveries = Counter(
            "whenabouts_deliveries_total",
            "Attempts at devices by what they came to",
            ["status"],
            registry=self.registry,
        )
        self.errors = Counter(
            "whenabouts_delivery_errors_total",
            "Attempts at devices that were not accepted, by what FCM or the way to it said",
            ["code"],
            registry=self.registry,
        )
        self.webhooks = Counter(
            "whenabouts_webhook_deliveries_total",
            "Attempts at webhooks by what they came to",
            ["status"],
            registry=self.registry,
        )
        self.posts = Histogram(
            "whenabouts_post_seconds",
            "Time of one POST to the push service",
            registry=self.registry,
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 15),
        )
        self.ticks = Histogram(
            "whenabouts_tick_seconds",
            "Time of one round of a job",
            ["task"],
            registry=self.registry,
            buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2, 10),
        )
        self.last_tick = Gauge(
            "whenabouts_last_tick_timestamp_seconds",
            "When each job last finished a round",
            ["task"],
            registry=self.registry,
        )

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is looked up whenever `/metrics` is read."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def outbox(self, read: Callable[[], "OutboxState"]) -> None:
        """How the outbox stands, looked up whenever `/metrics` is read."""
        self.registry.register(_Outbox(read))

    def projects(self, read: Callable[[], "Iterable[ProjectState]"]) -> None:
        """The pace and rests of each Firebase project, looked up whenever `/metrics` is read."""
        self.registry.register(_Projects(read))

    def delivered(self, outcome: Outcome, seconds: float) -> None:
        self.deliveries.labels(outcome.status.value).inc()
        if outcome.error_code:
            # What a far end may call its error is no label: it could be anything.
            code = outcome.error_code if outcome.error_code in ERROR_CODES else "OTHER"
            self.errors.labels(code).inc()
        self.posts.observe(seconds)

    def webhook_delivered(self, outcome: Outcome, seconds: float) -> None:
        self.webhooks.labels(outcome.status.value).inc()

    def decided(self, outcome: str, reason: str) -> None:
        self.decisions.labels(outcome, reason).inc()

    def ticked(self, job: str, seconds: float) -> None:
        self.ticks.labels(job).observe(seconds)
        self.last_tick.labels(job).set_to_current_time()

    def install(self, app: Flask) -> None:
        """Times every request and serves `/metrics`."""
        app.before_request(_start)
        app.after_request(self._finish)
        app.add_url_rule("/metrics", "metrics", self._page)

    def _finish(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        self.requests.labels(request.method, route, str(response.status_code)).observe(seconds)
        return response

    def _page(self) -> Response:
        return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_LATEST)


class OutboxState(Value):
    """Messages by state, how long the oldest that is due has been due, and the targets in doubt."""

    queued: int = 0
    sending: int = 0
    unknown: int = 0
    oldest_due_s: float = 0.0
    suspects: int = 0


class _Outbox(Collector):
    def __init__(self, read: Callable[[], OutboxState]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return self._families(OutboxState())

    def collect(self) -> Iterable[Metric]:
        return self._families(self._read())

    def _families(self, state: OutboxState) -> list[Metric]:
        shown = {
            "messages_queued": ("Messages that are queued now", state.queued),
            "messages_sending": ("Messages that are sending now", state.sending),
            "messages_unknown": ("Messages that are unknown now", state.unknown),
            "messages_oldest_due_seconds": (
                "How long the queued message that is due longest has been due",
                state.oldest_due_s,
            ),
            "targets_suspect": (
                "Targets that would have been forgotten, had not so many been at once",
                state.suspects,
            ),
        }
        return [
            GaugeMetricFamily(f"whenabouts_{name}", text, value)
            for name, (text, value) in shown.items()
        ]


class ProjectState(Value):
    """How one Firebase project stands; `rests` and `breakers` by platform, the project's own under `""`."""

    project: str
    rate: float
    halvings: int
    rests: dict[str, float]
    breakers: dict[str, Breaker]


_BREAKERS = {Breaker.CLOSED: 0, Breaker.TRYING: 1, Breaker.OPEN: 2}


class _Projects(Collector):
    def __init__(self, read: Callable[[], Iterable[ProjectState]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return self._families()

    def collect(self) -> Iterable[Metric]:
        rate, halvings, rests, breakers = self._families()
        for state in self._read():
            rate.add_metric([state.project], state.rate)
            halvings.add_metric([state.project], state.halvings)
            for platform, rest_s in state.rests.items():
                rests.add_metric([state.project, platform], rest_s)
            for platform, breaker in state.breakers.items():
                breakers.add_metric([state.project, platform], _BREAKERS[breaker])
        return [rate, halvings, rests, breakers]

    def _families(
        self,
    ) -> tuple[GaugeMetricFamily, CounterMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        own, parts = ["project"], ["project", "platform"]
        return (
            GaugeMetricFamily(
                "whenabouts_fcm_rate", "POSTs a second that a project gets at most", labels=own
            ),
            CounterMetricFamily(
                "whenabouts_fcm_halvings", "How often a project's rate was halved", labels=own
            ),
            GaugeMetricFamily(
                "whenabouts_fcm_rest_seconds",
                "For how long a project, or a platform of it, is still left alone",
                labels=parts,
            ),
            GaugeMetricFamily(
                "whenabouts_fcm_breaker",
                "0: messages go, 1: one goes ahead, 2: none goes",
                labels=parts,
            ),
        )


def _start() -> None:
    g.started = time.perf_counter()
