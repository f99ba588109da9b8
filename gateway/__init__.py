"""The door: accounts, sessions, keys, limits; the catalogue is the library's; live events.

It signs every token of the server. Audio never passes it, unless the object store is a folder.
"""
