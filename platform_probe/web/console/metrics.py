"""Metrics of the console itself, for Prometheus at its own `/metrics`. Names nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from fleet_wire.series import SeriesMaker

BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30, 60)
"""0.3 s is what a page may take at the server."""
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")
TROUBLES: Final = ("audit", "store", "defect", "provider")
WAYS: Final = ("token", "oidc")
ENDS: Final = ("let_in", "wrong", "no_role", "impatient", "provider_down")


class ConsoleMetrics(SeriesMaker):
    """Counts in the event loop alone, in a registry of its own, with the metrics of the process."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        ProcessCollector(registry=self.registry)
        answers = self._counter(
            "console_answers", "Answers of the console, by class of their status.", "code"
        )
        self._answers = {each: answers.labels(each) for each in CLASSES}
        self._took = self._histogram(
            "console_page_seconds", BUCKETS_S, "How long pages took to make, the live list aside."
        ).labels()
        troubles = self._counter(
            "console_troubles",
            "What went wrong with a page: the audit log, the store, a defect; or the provider of"
            " OpenID Connect.",
            "what",
        )
        self.troubles = {each: troubles.labels(each) for each in TROUBLES}
        sign_ins = self._counter(
            "console_sign_ins", "Attempts to log in, by what became of them.", "how", "end"
        )
        self.sign_ins = {(how, end): sign_ins.labels(how, end) for how in WAYS for end in ENDS}

    def watch(
        self,
        *,
        watchers: Callable[[], float],
        ahead_s: Callable[[], float],
        provider_up: Callable[[], float] | None,
    ) -> None:
        """Show what is asked for at each scrape; without a provider nothing of one."""
        self._gauge("console_watchers", "People who watch the live list.").set_function(watchers)
        self._gauge(
            "console_records_ahead_seconds",
            "How far the newest record that was seen is ahead of this machine's clock; 0: not.",
        ).set_function(ahead_s)
        if provider_up is not None:
            self._gauge(
                "console_provider_up",
                "1 while the provider of OpenID Connect answers, else 0: nobody can sign in.",
            ).set_function(provider_up)

    def count_answer(self, status: int, took_s: float | None) -> None:
        """Count an answer; None: it is no page, or goes on."""
        self._answers[f"{status // 100}xx"].inc()
        if took_s is not None:
            self._took.observe(took_s)

    def page(self) -> tuple[bytes, str]:
        """Return the page of a scrape, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4
