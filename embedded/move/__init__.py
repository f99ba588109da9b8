"""Moves an embedded server's data to Postgres and an S3 store."""
