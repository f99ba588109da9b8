"""Shared parts of HTTP services: server, limits, problems, health routes, pagination, clients."""
