"""Server-sent events, as the HTML standard defines their lines."""

import json

from cratedig.types import Event


class EventParser:
    """Assembles lines into events."""

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
