"""Corrections: values of users that count instead of what machines found out about items."""
