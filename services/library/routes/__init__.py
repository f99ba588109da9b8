"""HTTP routes of the library: requests checked, use cases called, rows shown."""
