"""Dead letters are looked at and sent back with one command."""

import asyncio
import json
import sys

import pytest

from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.__main__ import main
from kit.bus.base import AnyEvent
from tests.ports.bus.harness import KafkaHarness, Seen, eventually, fresh_topic, member, started
from tests.support.servers import server_setting


async def command(*arguments: str) -> list[dict[str, object]]:
    """Run the command against the real broker and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kit.bus", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={"KIT_BUS_URL": server_setting("KIT_BUS_URL"), "PATH": ""},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.cluster
async def test_letters_are_shown_and_sent_back() -> None:
    kafka = KafkaHarness(server_setting("KIT_BUS_URL").removeprefix("kafka://"))
    await kafka.bus.start()
    topic: Topic = fresh_topic()
    await kafka.bus.ensure([topic, DEAD_LETTERS])
    mended = False

    async def fail(event: AnyEvent) -> None:
        if not mended:
            raise RuntimeError("a bug")

    seen = Seen(fail)
    event = started(1)
    try:
        await kafka.bus.publish(topic, event, key="same")
        async with member(kafka.bus, topic, seen):
            await eventually(lambda: len(seen.events) == 3)
            letters: list[dict[str, object]] = []
            async with asyncio.timeout(30):
                while not letters:
                    letters = await command("letters", "--topic", topic.name)
            (letter,) = letters
            assert (letter["type"], letter["id"], letter["offset"]) == ("job.started", event.id, 0)
            assert letter["reason"] == "handler: RuntimeError: a bug"
            assert (
                await command("replay", "--topic", topic.name, "--reason", "something else") == []
            )
            mended = True
            assert len(await command("replay", "--topic", topic.name)) == 1
            await eventually(lambda: len(seen.events) == 4)
        assert seen.events[-1] == event
    finally:
        await kafka.bus.close()


def test_without_kafka_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_BUS_URL", "memory://")
    assert main(["letters"]) == 2
    assert "names no Kafka" in capsys.readouterr().err
