"""The Grafana dashboard: one panel for each question of docs/operating.md, as a ConfigMap.

Grafana's sidecar loads every ConfigMap with the label `grafana_dashboard`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 12, 8
"""Of a panel, on Grafana's grid of 24 columns."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A diagram of one or more expressions over time."""

    title: str
    expressions: tuple[tuple[str, str], ...]
    """Each with its legend."""
    unit: str = "short"
    """Grafana's name of the unit."""


PANELS = (
    Panel("Jobs that wait", (('max by (task) (library_jobs{state="queued"})', "{{task}}"),)),
    Panel(
        "Jobs that run, and slots",
        (
            ("sum by (task) (jobs_running)", "{{task}}"),
            ("sum by (task) (worker_slots)", "{{task}}, slots"),
        ),
    ),
    Panel(
        "Jobs that ended, a minute",
        (
            (
                "sum by (task, outcome) (rate(job_duration_seconds_count[5m])) * 60",
                "{{task}} {{outcome}}",
            ),
        ),
    ),
    Panel(
        "Duration of jobs, 95 %",
        (
            (
                "histogram_quantile(0.95, sum by (task, le)"
                " (rate(job_duration_seconds_bucket[15m])))",
                "{{task}}",
            ),
        ),
        "s",
    ),
    Panel(
        "Requests a second",
        (
            (
                "sum by (job, status) (rate(http_request_duration_seconds_count[5m]))",
                "{{job}} {{status}}",
            ),
        ),
        "reqps",
    ),
    Panel(
        "Duration of requests, 95 %",
        (
            (
                "histogram_quantile(0.95, sum by (job, le)"
                " (rate(http_request_duration_seconds_bucket[5m])))",
                "{{job}}",
            ),
        ),
        "s",
    ),
    Panel("Delay of the event loop", (("max by (pod) (event_loop_lag_seconds)", "{{pod}}"),), "s"),
    Panel(
        "Child processes started, an hour",
        (("sum by (task) (increase(worker_child_starts_total[1h]))", "{{task}}"),),
    ),
    Panel(
        "What must be 0",
        tuple(
            (f"max({metric})", metric)
            for metric in (
                *("library_silent_jobs", "library_untold_endings", "library_unsent_events"),
                *("library_damaged_artifacts", "library_miscounted_owners"),
                *("library_abandoned_uploads", "library_orphaned_prefixes"),
            )
        ),
    ),
    Panel(
        "Connections refused, a minute",
        (("sum by (why) (rate(http_connections_refused_total[5m])) * 60", "{{why}}"),),
    ),
)


def dashboards() -> Iterator[dict[str, Any]]:
    """Yield the ConfigMap with the dashboard."""
    source = {"type": "prometheus", "uid": "${source}"}
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": panel.title,
            "datasource": source,
            "gridPos": {
                "x": number % 2 * WIDTH,
                "y": number // 2 * HEIGHT,
                "w": WIDTH,
                "h": HEIGHT,
            },
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": legend}
                for place, (expression, legend) in enumerate(panel.expressions)
            ],
        }
        for number, panel in enumerate(PANELS)
    ]
    variable = {"name": "source", "label": "Prometheus", "type": "datasource"}
    dashboard = {
        "title": "Cratedig",
        "uid": "cratedig",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{**variable, "query": "prometheus"}]},
        "panels": panels,
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cratedig-dashboard", "labels": {"grafana_dashboard": "1"}},
        "data": {"cratedig.json": json.dumps(dashboard, indent=1)},
    }
