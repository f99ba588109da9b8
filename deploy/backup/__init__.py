"""Back up and restore the databases and the object store of a server."""
