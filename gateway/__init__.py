"""The public API: accounts, sessions, API keys, rate limits and live events.

It signs every token of the server and forwards requests for the catalogue to the library. Audio
does not pass through it, unless the object store is a folder.
"""
