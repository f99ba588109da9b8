"""Vectors of items: stored by owner, searched by cosine distance.

One port with two implementations: exact search over memory-mapped files next to SQLite, and
pgvector on Postgres. `kit/vectors/base.py` defines the port.
"""
