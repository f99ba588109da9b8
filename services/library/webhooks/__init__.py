"""Webhooks: events sent to addresses of their owners, signed, retried and logged."""
