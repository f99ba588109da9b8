"""Events: the outbox that changes write to, the relay that publishes it, the feed that reads it."""
