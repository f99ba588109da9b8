"""Items, uploads and artifacts of owners: what is stored, counted, found and deleted."""
