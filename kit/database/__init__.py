"""The database port, implemented on SQLite and Postgres."""
