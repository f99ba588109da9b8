"""The library's HTTP routes; each request that changes something commits one transaction."""
