"""The database: one port, SQLite and Postgres behind it."""
