"""Records of the bus, and dead letters: records that a group of consumers gave up."""

from dataclasses import dataclass

from contracts.topics import DEAD_LETTERS

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record: key, headers and value."""

    key: bytes
    headers: Headers
    value: bytes


@dataclass(frozen=True, slots=True)
class DeadLetterRecord:
    """A record that a group gave up, and the place it came from."""

    topic: str
    partition: int
    offset: int
    group: str
    reason: str
    record: Record
    id: str = ""
    """Its partition and offset on the topic of dead letters, such as `0-17`, once it is stored."""

    @property
    def replayable(self) -> bool:
        """Whether it came from a topic that consumers read; a note to operators did not."""
        return self.topic != DEAD_LETTERS.name
