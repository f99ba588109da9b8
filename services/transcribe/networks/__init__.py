"""Readers of published weights."""
