"""Taught tags: models that learn from answers, and the items that they propose."""
