"""Prometheus metrics, with names like Alertmanager's."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from notifier.domain.delivery import DeliveryState

_LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one service, in a registry of its own so that several services can share a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        ProcessCollector(registry=registry)
        self.events = Counter(
            "notifier_events_total",
            "Events by what became of them, and by the format that they came in.",
            ["result", "format"],
            registry=registry,
        )
        self.dropped = Counter(
            "notifier_dropped_items_total",
            "What senders sent that is no event, or dropped before they sent it, by its kind.",
            ["format", "kind"],
            registry=registry,
        )
        self.refused = Counter(
            "notifier_requests_refused_total",
            "Requests of senders that were refused, by status.",
            ["status"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "notifier_commit_seconds",
            "Time of one ingest transaction, fsync included.",
            registry=registry,
            buckets=_LATENCY,
        )
        self.commit_events = Histogram(
            "notifier_commit_events", "Events in one ingest transaction.", registry=registry, buckets=_BATCH
        )
        self.pending_events = Gauge(
            "notifier_ingest_pending_events", "Events that wait for their commit.", registry=registry
        )
        self.told = Counter(
            "notifier_decisions_total",
            "Decisions to tell, by the group's reason.",
            ["reason"],
            registry=registry,
        )
        self.notifications = Counter(
            "notifier_notifications_total", "Attempted sends.", ["channel"], registry=registry
        )
        self.failed = Counter(
            "notifier_notifications_failed_total",
            "Failed sends, by outcome.",
            ["channel", "reason"],
            registry=registry,
        )
        self.latency = Histogram(
            "notifier_notification_latency_seconds",
            "Time of one send.",
            ["channel"],
            registry=registry,
            buckets=_LATENCY,
        )
        self.delay = Histogram(
            "notifier_delivery_delay_seconds",
            "From the decision to the receipt.",
            ["channel"],
            registry=registry,
            buckets=_LATENCY,
        )
        self.dead = Counter(
            "notifier_dead_letters_total",
            "Deliveries that ended as dead letters.",
            ["channel", "reason"],
            registry=registry,
        )
        self.backups = Counter(
            "notifier_backups_total",
            "Backups of this process by what became of them.",
            ["result"],
            registry=registry,
        )
        for result in ("made", "failed"):
            self.backups.labels(result)
        self.backup_age = Gauge(
            "notifier_backup_age_seconds",
            "Age of the last backup that the service made by itself; before the first, since when it is wanted.",
            registry=registry,
        )
        self.backup_every = Gauge(
            "notifier_backup_every_seconds",
            "How often the configuration wants a backup; 0: never.",
            registry=registry,
        )
        self.backup_bytes = Gauge(
            "notifier_backup_bytes", "The size of that last backup; 0: there is none.", registry=registry
        )
        self.fallback_failed = Counter(
            "notifier_fallback_failed_total",
            "Alerts that the fallback could not tell either.",
            registry=registry,
        )
        self.loop_stalled = Counter(
            "notifier_loop_stalled_total",
            "Loops that no longer moved and were started again.",
            ["loop"],
            registry=registry,
        )
        self.in_flight = Gauge("notifier_sends_in_flight", "Sends in flight.", ["channel"], registry=registry)
        self.oldest = Gauge(
            "notifier_outbox_oldest_age_seconds",
            "Age of the oldest delivery that is pending or sending.",
            registry=registry,
        )
        self.deliveries = Gauge(
            "notifier_deliveries", "Delivery rows by state.", ["state"], registry=registry
        )
        self.accounting = Gauge(
            "notifier_accounting",
            "The terms of the accounting equations, all replicas together.",
            ["term"],
            registry=registry,
        )
        self.differences = Gauge(
            "notifier_accounting_differences",
            "Terms whose running figures differed from what there is when it was last counted.",
            registry=registry,
        )
        self.balanced = Gauge(
            "notifier_accounting_balanced", "1 where the accounting equations hold.", registry=registry
        )
        self.task_runs = Counter(
            "notifier_task_runs_total",
            "Task runs by the state that they came to.",
            ["state"],
            registry=registry,
        )
        self.processes = Gauge(
            "notifier_processes", "Processes of applications that live.", registry=registry
        )
        self.client_reports = Gauge(
            "notifier_client_reports",
            "What became of the reports of clients, as their processes of the last day say.",
            ["service", "outcome"],
            registry=registry,
        )
        self.store_errors = Counter(
            "notifier_store_errors_total", "Transactions that failed, by kind.", ["kind"], registry=registry
        )
        self.database_bytes = Gauge("notifier_database_bytes", "Size of the database.", registry=registry)
        self.config_good = Gauge(
            "notifier_config_last_reload_successful",
            "1 where the configuration was good when it was last read.",
            registry=registry,
        )
        self.config_good_at = Gauge(
            "notifier_config_last_reload_success_timestamp_seconds",
            "When a good configuration was last read.",
            registry=registry,
        )
        self.config_info = Gauge(
            "notifier_config_info", "The configuration in use.", ["version"], registry=registry
        )
        self.held = Gauge(
            "notifier_hold", "1 while deliveries wait for `notifier release`.", registry=registry
        )
        self.ready = Gauge("notifier_ready", "1 when the last readiness check passed.", registry=registry)

    def set_states(self, by_state: Mapping[str, int]) -> None:
        """Set the number of deliveries in each state."""
        for state in DeliveryState:
            self.deliveries.labels(state.value).set(by_state.get(state.value, 0))

    def render(self) -> bytes:
        """The metrics in the text exposition format."""
        return generate_latest(self.registry)
