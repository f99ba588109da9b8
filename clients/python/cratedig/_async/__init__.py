"""The asynchronous client. `make_sync.py` makes `cratedig._sync` from it."""
