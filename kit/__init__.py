"""Infrastructure of all services: bus, database, HTTP, object store, workers, audio and signals."""
