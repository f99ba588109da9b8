"""`python -m kit.bus dead-letters|replay [--topic NAME] [--reason TEXT]`: dead letters on Kafka.

`dead-letters` lists the records that no consumer could decode or handle, and quarantined files.
`replay` sends the records back to their topics. A second replay is harmless: consumers drop events
that they have handled.
"""

import argparse
import asyncio
import json
import sys

from contracts.topics import DEAD_LETTERS
from kit.bus.base import BusError
from kit.bus.codec import PREFIX
from kit.bus.factory import open_bus
from kit.bus.kafka.bus import KafkaBus
from kit.bus.records import DeadLetterRecord
from kit.settings import KitSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 if Kafka failed, or 2 without Kafka."""
    parser = argparse.ArgumentParser(prog="python -m kit.bus", description=__doc__)
    parser.add_argument("command", choices=["dead-letters", "replay"])
    parser.add_argument("--topic", default="", help="only dead letters from this topic")
    parser.add_argument("--reason", default="", help="only those whose reason contains this text")
    options = parser.parse_args(arguments)
    bus = open_bus(KitSettings())
    if not isinstance(bus, KafkaBus):
        print(
            "error: KIT_BUS_URL is not a Kafka address; set it to kafka://host:port",
            file=sys.stderr,
        )
        return 2
    try:
        count = asyncio.run(
            list_or_replay(
                bus, topic=options.topic, reason=options.reason, replay=options.command == "replay"
            )
        )
    except BusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    verb = "replayed" if options.command == "replay" else "listed"
    print(f"{count} dead letters {verb}", file=sys.stderr)
    return 0


async def list_or_replay(bus: KafkaBus, *, topic: str, reason: str, replay: bool) -> int:
    """Print the dead letters that match, replay them if `replay` is set, and return their count."""
    count = 0
    await bus.start()
    try:
        async for dead_letter in bus.dead_letters():
            if topic in ("", dead_letter.topic) and reason in dead_letter.reason:
                if replay:
                    if dead_letter.topic == DEAD_LETTERS.name:
                        # An operator-only event: no consumer handles it.
                        continue
                    await bus.send(dead_letter.topic, dead_letter.record)
                print(describe(dead_letter))
                count += 1
    finally:
        await bus.close()
    return count


def describe(dead_letter: DeadLetterRecord) -> str:
    """Return a dead letter as one line of JSON, without the event's data."""
    headers = dict(dead_letter.record.headers)
    shown = {
        "topic": dead_letter.topic,
        "partition": dead_letter.partition,
        "offset": dead_letter.offset,
        "group": dead_letter.group,
        "reason": dead_letter.reason,
        "type": headers.get(f"{PREFIX}type", b"").decode(errors="replace"),
        "id": headers.get(f"{PREFIX}id", b"").decode(errors="replace"),
    }
    return json.dumps(shown)


if __name__ == "__main__":
    sys.exit(main())
