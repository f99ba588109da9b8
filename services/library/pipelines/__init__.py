"""Pipelines, their runs, and what users may ask workers for."""
