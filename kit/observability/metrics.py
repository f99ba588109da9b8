"""Prometheus metrics of workers and the event loop; names contain the unit."""

from prometheus_client import Counter, Gauge, Histogram

JOB_DURATION = Histogram(
    "job_duration_seconds",
    "From the start of a job's work to its end, by outcome.",
    ("task", "outcome"),
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600),
)
JOBS_RUNNING = Gauge("jobs_running", "Jobs that this worker runs now.", ("task",))
SLOTS = Gauge("worker_slots", "Jobs that this worker could run at once.", ("task",))
CHILD_STARTS = Counter("worker_child_starts_total", "Child processes started.", ("task",))
LOOP_LAG = Gauge("event_loop_lag_seconds", "Delay of the event loop at the last measurement.")
