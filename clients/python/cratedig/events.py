"""Server-sent events, as the HTML standard defines their lines."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from cratedig.types import Event


class EventParser:
    """Gathers lines into events."""

    def __init__(self) -> None:
        self._type = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """Take a line without its end; return an event when the line completes one."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._type = value
            case "id":
                self._id = value
            case "data":
                self._data.append(value)
        return None

    def _complete(self) -> Event | None:
        data, self._data = "\n".join(self._data), []
        type_, self._type = self._type, ""
        if not data:
            return None
        return Event(id=self._id, type=type_ or "message", data=json.loads(data))


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield the events of a stream of lines."""
    parser = EventParser()
    for line in lines:
        if (event := parser.feed(line)) is not None:
            yield event


async def aread_events(lines: AsyncIterable[str]) -> AsyncIterator[Event]:
    """Yield the events of an asynchronous stream of lines."""
    parser = EventParser()
    async for line in lines:
        if (event := parser.feed(line)) is not None:
            yield event
