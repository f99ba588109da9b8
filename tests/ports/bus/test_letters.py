"""`python -m kit.bus` lists and replays dead letters."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from contracts.ids import JobId, WorkerId
from contracts.jobs import JobQuarantined
from contracts.topics import DEAD_LETTERS, Topic
from kit.bus.__main__ import list_or_replay, main
from kit.bus.base import AnyEvent
from kit.bus.codec import encode
from kit.bus.dead_letters import operator_event, pack, parse_dead_letter
from kit.bus.kafka.bus import KafkaBus
from kit.bus.records import DeadLetterRecord, Record
from tests.ports.bus.harness import KafkaHarness, Seen, eventually, fresh_topic, member, released
from tests.support.events import make_event
from tests.support.servers import server_setting
from tests.support.timeouts import HANG_TIMEOUT


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
async def test_dead_letters_are_shown_and_sent_back() -> None:
    kafka = KafkaHarness(server_setting("KIT_BUS_URL").removeprefix("kafka://"))
    await kafka.bus.start()
    topic: Topic = fresh_topic()
    await kafka.bus.ensure([topic, DEAD_LETTERS])
    mended = False

    async def fail(event: AnyEvent) -> None:
        if not mended:
            raise RuntimeError("a bug")

    seen = Seen(fail)
    event = released(1)
    try:
        await kafka.bus.publish(topic, event, key="same")
        async with member(kafka.bus, topic, seen):
            await eventually(lambda: len(seen.events) == 3)
            letters: list[dict[str, object]] = []
            async with asyncio.timeout(HANG_TIMEOUT):
                while not letters:
                    letters = await command("dead-letters", "--topic", topic.name)
            (letter,) = letters
            assert (letter["type"], letter["id"], letter["offset"]) == ("job.released", event.id, 0)
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
    assert main(["dead-letters"]) == 2
    assert "not a Kafka address" in capsys.readouterr().err


def quarantined() -> AnyEvent:
    data = JobQuarantined(
        job=JobId("0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"),
        epoch=3,
        worker=WorkerId("0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e70"),
        inputs=("ab" * 32,),
        detail="SIGSEGV\nlast words",
    )
    return make_event("job.quarantined", data, subject=data.job)


class Shelf:
    """A bus that holds some dead letters and records what is replayed."""

    def __init__(self, *letters: DeadLetterRecord) -> None:
        self.kept = letters
        self.sent: list[str] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def dead_letters(self) -> AsyncIterator[DeadLetterRecord]:
        for letter in self.kept:
            yield letter

    async def send(self, topic: str, record: Record) -> None:
        self.sent.append(topic)


async def test_files_in_quarantine_are_shown_and_not_sent_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = encode(DEAD_LETTERS, quarantined(), key="k")
    letter = operator_event(record, topic=DEAD_LETTERS.name, partition=1, offset=7)
    assert letter is not None
    broken = DeadLetterRecord("jobs.events", 0, 4, "library", "DecodeError: no event", record)
    shelf = Shelf(letter, broken)
    bus = cast(KafkaBus, shelf)
    assert await list_or_replay(bus, topic="", reason="quarantined", replay=False) == 1
    (line,) = capsys.readouterr().out.splitlines()
    shown = json.loads(line)
    assert (shown["topic"], shown["partition"], shown["offset"]) == ("dead.letters", 1, 7)
    assert shown["type"] == "job.quarantined"
    assert "SIGSEGV" in shown["reason"]
    assert "ab" * 32 in shown["reason"]
    assert await list_or_replay(bus, topic="", reason="", replay=True) == 1
    assert shelf.sent == ["jobs.events"]


def test_other_events_are_no_dead_letters() -> None:
    good = encode(DEAD_LETTERS, quarantined(), key="k")
    for odd in (Record(b"", (), b""), Record(good.key, good.headers, b"{}"), Record(b"", (), b"x")):
        assert operator_event(odd, topic=DEAD_LETTERS.name, partition=0, offset=0) is None


def test_both_kinds_are_found_among_what_a_broker_gives() -> None:
    event = encode(DEAD_LETTERS, quarantined(), key="k")
    packed = pack(DeadLetterRecord("jobs.events", 2, 9, "library", "handler: a bug", event))
    for record, topic, offset in ((event, DEAD_LETTERS.name, 7), (packed, "jobs.events", 9)):
        letter = parse_dead_letter(
            SimpleNamespace(
                topic=DEAD_LETTERS.name,
                partition=2,
                offset=7,
                key=record.key,
                headers=record.headers,
                value=record.value,
            )
        )
        assert letter is not None
        assert (letter.topic, letter.partition, letter.offset) == (topic, 2, offset)
        assert letter.record == event
