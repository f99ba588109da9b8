"""`python -m kit.bus letters|replay [--topic NAME] [--reason TEXT]`: the dead letters on Kafka.

`letters` shows records that no reader could use, and files in quarantine. `replay` sends records
back to the topics they came from. Doing it twice is harmless: consumers drop an event that they
have handled.
"""

import argparse
import asyncio
import json
import sys

from contracts.topics import DEAD_LETTERS
from kit.bus.base import BusError
from kit.bus.codec import PREFIX
from kit.bus.dead_letters import DeadLetter
from kit.bus.factory import open_bus
from kit.bus.kafka.bus import KafkaBus
from kit.settings import KitSettings


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m kit.bus", description=__doc__)
    parser.add_argument("command", choices=["letters", "replay"])
    parser.add_argument("--topic", default="", help="only those that came from this topic")
    parser.add_argument("--reason", default="", help="only those whose reason has this text")
    options = parser.parse_args(arguments)
    bus = open_bus(KitSettings())
    if not isinstance(bus, KafkaBus):
        print("error: KIT_BUS_URL names no Kafka; only there letters outlive us", file=sys.stderr)
        return 2
    try:
        count = asyncio.run(
            go_through(
                bus, topic=options.topic, reason=options.reason, replay=options.command == "replay"
            )
        )
    except BusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} {'sent back' if options.command == 'replay' else 'found'}", file=sys.stderr)
    return 0


async def go_through(bus: KafkaBus, *, topic: str, reason: str, replay: bool) -> int:
    """Print the letters that match, send them back if asked to, and return how many."""
    count = 0
    await bus.start()
    try:
        async for dead_letter in bus.letters():
            if topic in ("", dead_letter.topic) and reason in dead_letter.reason:
                if replay:
                    if dead_letter.topic == DEAD_LETTERS.name:
                        # It is there to be read: nobody handles it.
                        continue
                    await bus.send(dead_letter.topic, dead_letter.record)
                print(describe(dead_letter))
                count += 1
    finally:
        await bus.close()
    return count


def describe(dead_letter: DeadLetter) -> str:
    """Return a letter as one line of JSON, without its data."""
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
