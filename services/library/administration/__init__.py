"""What administrators see of the server: workers, queues, dead letters, storage, models."""
