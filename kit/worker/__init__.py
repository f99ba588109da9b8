"""The worker runtime: claims jobs and runs them in child processes."""
