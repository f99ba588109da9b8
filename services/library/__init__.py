"""The memory: items, artifacts, jobs, pipelines; the only writer of job state."""
