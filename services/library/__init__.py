"""The memory of the server: items, artifacts, uploads, jobs, pipelines, runs; the only writer of
job state.

Every row belongs to one owner, every change is written with its event in one transaction, and a
job's result counts once, with the epoch that made it: on SQLite and on Postgres alike.
"""
