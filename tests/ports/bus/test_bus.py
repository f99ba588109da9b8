"""What every bus promises."""

import asyncio
from contextlib import aclosing

import pytest

from contracts.topics import LIBRARY_EVENTS, Topic
from kit.bus.base import AnyEvent, BusError, RetryLater
from kit.bus.records import DeadLetterRecord
from kit.clock import new_id
from tests.ports.bus.harness import (
    Harness,
    Seen,
    eventually,
    fresh_topic,
    member,
    released,
)
from tests.support.events import make_event
from tests.support.timeouts import HANG_TIMEOUT


async def test_is_ready_when_started(harness: Harness) -> None:
    assert await harness.bus.ready()


async def test_topics_are_created_once_and_again_without_harm(
    harness: Harness, topic: Topic
) -> None:
    await harness.bus.publish(topic, released(1), key="a")
    await harness.bus.ensure([topic, fresh_topic()])
    seen = Seen()
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == [1])


async def test_an_event_arrives_as_it_was_sent(harness: Harness, topic: Topic) -> None:
    event = released(7)
    await harness.bus.publish(topic, event, key=event.subject)
    seen = Seen()
    async with member(harness.bus, topic, seen):
        await eventually(lambda: bool(seen.events))
    assert seen.events == [event]
    assert type(seen.events[0].data) is type(event.data)


async def test_events_of_one_key_keep_their_order(harness: Harness, topic: Topic) -> None:
    keys = ("a", "b", "c", "d", "e")
    seen = Seen()
    async with member(harness.bus, topic, seen):
        for number in range(100):
            key = keys[number % len(keys)]
            await harness.bus.publish(topic, released(number), key=key)
        await eventually(lambda: len(seen.events) == 100)
    for residue in range(len(keys)):
        assert [number for number in seen.numbers if number % len(keys) == residue] == list(
            range(residue, 100, len(keys))
        )


async def test_members_of_a_group_share_and_none_gets_what_another_got(
    harness: Harness, topic: Topic
) -> None:
    first, second = Seen(), Seen()
    async with (
        member(harness.bus, topic, first) as left,
        member(await harness.another(), topic, second) as right,
    ):
        await asyncio.gather(left.consumer.caught_up.wait(), right.consumer.caught_up.wait())
        for number in range(60):
            await harness.bus.publish(topic, released(number), key=f"key {number}")
        await eventually(lambda: len({*first.numbers, *second.numbers}) == 60)
    # Joining may hand over once more what was under way just then, never lose it.
    assert sorted({*first.numbers, *second.numbers}) == list(range(60))
    assert len(first.events) + len(second.events) <= 60 + topic.partitions


async def test_each_group_gets_every_event(harness: Harness, topic: Topic) -> None:
    seen, other = Seen(), Seen()
    async with (
        member(harness.bus, topic, seen, group="library"),
        member(harness.bus, topic, other, group="pipelines"),
    ):
        for number in range(10):
            await harness.bus.publish(topic, released(number), key="same")
        await eventually(lambda: len(seen.events) == len(other.events) == 10)
    assert seen.numbers == other.numbers == list(range(10))


async def test_a_group_gets_what_was_published_before_it_came(
    harness: Harness, topic: Topic
) -> None:
    for number in range(5):
        await harness.bus.publish(topic, released(number), key="same")
    seen = Seen()
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == list(range(5)))


async def test_what_was_acknowledged_does_not_come_again(harness: Harness, topic: Topic) -> None:
    first, second = Seen(), Seen()
    await harness.bus.publish(topic, released(1), key="same")
    async with member(harness.bus, topic, first):
        await eventually(lambda: first.numbers == [1])
    await harness.bus.publish(topic, released(2), key="same")
    async with member(harness.bus, topic, second):
        await eventually(lambda: second.numbers == [2])


async def test_an_event_whose_member_died_over_it_goes_to_another(
    harness: Harness, topic: Topic
) -> None:
    async def hang(event: AnyEvent) -> None:
        await asyncio.Event().wait()

    first, second = Seen(hang), Seen()
    await harness.bus.publish(topic, released(1), key="same")
    async with member(await harness.another(), topic, first) as crashing:
        await eventually(lambda: first.numbers == [1])
        await crashing.crash()
    async with member(harness.bus, topic, second):
        await eventually(lambda: second.numbers == [1])


async def test_a_handler_that_fails_is_given_the_event_again(
    harness: Harness, topic: Topic
) -> None:
    async def fail_twice(event: AnyEvent) -> None:
        if len(seen.events) < 3:
            raise RuntimeError("not yet")

    seen = Seen(fail_twice)
    await harness.bus.publish(topic, released(1), key="same")
    await harness.bus.publish(topic, released(2), key="same")
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == [1, 1, 1, 2])
    assert await harness.dead_letters(topic) == []


async def test_after_three_tries_it_goes_to_the_dead_letters(
    harness: Harness, topic: Topic
) -> None:
    async def fail_on_one(event: AnyEvent) -> None:
        if event.data.epoch == 1:
            raise RuntimeError("a bug")

    seen = Seen(fail_on_one)
    bad = released(1).model_copy(update={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    await harness.bus.publish(topic, bad, key="same")
    await harness.bus.publish(topic, released(2), key="same")
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == [1, 1, 1, 2])
    (letter,) = await harness.dead_letters(topic)
    assert letter.reason == "handler: RuntimeError: a bug"
    assert letter.group == "library"
    assert letter.offset == 0
    assert letter.record.key == b"same"
    assert dict(letter.record.headers)["ce_id"].decode() == bad.id


async def test_a_dead_letter_is_found_by_its_id_and_sent_back(
    harness: Harness, topic: Topic
) -> None:
    mended = False

    async def fail(event: AnyEvent) -> None:
        if not mended:
            raise RuntimeError("a bug")

    seen = Seen(fail)
    await harness.bus.publish(topic, released(1), key="same")
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == [1, 1, 1])
        async with asyncio.timeout(HANG_TIMEOUT):
            latest: list[DeadLetterRecord] = []
            while not latest:
                stored = await harness.bus.latest_dead_letters(1_000)
                latest = [letter for letter in stored if letter.topic == topic.name]
        (letter,) = latest
        assert letter.replayable
        assert await harness.bus.dead_letter(letter.id) == letter
        mended = True
        await harness.bus.send(letter.topic, letter.record)
        await eventually(lambda: seen.numbers == [1, 1, 1, 1])
    for unknown in ("0-999999999", "999-0", "", "0", "a-b"):
        assert await harness.bus.dead_letter(unknown) is None


async def test_what_cannot_be_read_goes_to_the_dead_letters_and_blocks_nobody(
    harness: Harness, topic: Topic
) -> None:
    await harness.put(topic, key="same", headers=(("ce_type", b"job.released"),), value=b"\xff{")
    await harness.bus.publish(topic, released(2), key="same")
    seen = Seen()
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers == [2])
    (letter,) = await harness.dead_letters(topic)
    assert letter.reason.startswith("unreadable: ")
    assert letter.record.value == b"\xff{"


async def test_a_handler_that_cannot_work_at_present_loses_nothing(
    harness: Harness, topic: Topic
) -> None:
    async def away(event: AnyEvent) -> None:
        if len(seen.events) < 6:
            raise RetryLater("the database is away")

    seen = Seen(away)
    await harness.bus.publish(topic, released(1), key="same")
    await harness.bus.publish(topic, released(2), key="same")
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers[-1:] == [2])
    assert seen.numbers == [1, 1, 1, 1, 1, 1, 2]
    assert await harness.dead_letters(topic) == []


async def test_a_handler_that_runs_out_of_time_loses_nothing(
    harness: Harness, topic: Topic
) -> None:
    async def slow(event: AnyEvent) -> None:
        if len(seen.events) < 5:
            raise TimeoutError

    seen = Seen(slow)
    await harness.bus.publish(topic, released(1), key="same")
    await harness.bus.publish(topic, released(2), key="same")
    async with member(harness.bus, topic, seen):
        await eventually(lambda: seen.numbers[-1:] == [2])
    assert seen.numbers == [1, 1, 1, 1, 1, 2]
    assert await harness.dead_letters(topic) == []


async def test_caught_up_means_that_all_there_was_has_been_handled(
    harness: Harness, topic: Topic
) -> None:
    for number in range(30):
        await harness.bus.publish(topic, released(number), key=f"key {number}")
    gate = asyncio.Event()

    async def wait(event: AnyEvent) -> None:
        await gate.wait()

    seen = Seen(wait)
    async with member(harness.bus, topic, seen) as running:
        await eventually(lambda: bool(seen.events))
        assert not running.consumer.caught_up.is_set()
        gate.set()
        async with asyncio.timeout(HANG_TIMEOUT):
            await running.consumer.caught_up.wait()
        assert sorted(set(seen.numbers)) == list(range(30))


async def test_an_empty_topic_is_caught_up_at_once(harness: Harness, topic: Topic) -> None:
    async with member(harness.bus, topic, Seen()) as running, asyncio.timeout(HANG_TIMEOUT):
        await running.consumer.caught_up.wait()


async def test_a_tail_reaches_every_reader_and_starts_now(harness: Harness, topic: Topic) -> None:
    await harness.bus.publish(topic, released(0), key="old")
    epochs_by_reader: list[list[int]] = [[], []]

    async def read(into: list[int]) -> None:
        bus = await harness.another()
        async with aclosing(bus.tail(topic)) as events:  # type: ignore[type-var]
            async for event in events:
                into.append(event.data.epoch if event else -1)

    tasks = [asyncio.create_task(read(into)) for into in epochs_by_reader]
    try:
        number = 0
        async with asyncio.timeout(HANG_TIMEOUT):
            while not all(epochs_by_reader):  # A reader is there once it has heard something.
                number += 1
                await harness.bus.publish(topic, released(number), key="same")
                await asyncio.sleep(0.02)
        last = number + 20
        for later in range(number + 1, last + 1):
            await harness.bus.publish(topic, released(later), key="same")
        await eventually(lambda: all(epochs[-1] == last for epochs in epochs_by_reader))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for epochs in epochs_by_reader:
        assert epochs == list(range(epochs[0], last + 1))
        assert 0 not in epochs


async def test_an_undecodable_record_still_wakes_a_tail(harness: Harness, topic: Topic) -> None:
    received: list[AnyEvent | None] = []

    async def read() -> None:
        async with aclosing(harness.bus.tail(topic)) as events:  # type: ignore[type-var]
            async for event in events:
                received.append(event)

    task = asyncio.create_task(read())
    try:
        async with asyncio.timeout(HANG_TIMEOUT):
            while not received:
                await harness.put(topic, key="same", headers=(), value=b"?")
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert set(received) == {None}


async def test_closing_the_bus_ends_its_readers(harness: Harness, topic: Topic) -> None:
    async def read() -> int:
        return len([event async for event in harness.bus.tail(topic)])

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    await harness.bus.close()
    async with asyncio.timeout(HANG_TIMEOUT):
        assert await task == 0
    assert not await harness.bus.ready()
    with pytest.raises(BusError):
        await harness.bus.publish(topic, released(1), key="a")


async def test_a_topic_takes_only_what_it_carries(harness: Harness, topic: Topic) -> None:
    event = make_event("item.deleted", LIBRARY_EVENTS.events["item.deleted"](item=new_id()))
    with pytest.raises(ValueError, match=r"does not carry item\.deleted"):
        await harness.bus.publish(topic, event, key="a")


async def test_an_event_that_is_too_large_is_refused(harness: Harness, topic: Topic) -> None:
    event = released(1).model_copy(update={"source": "x" * 300_000})
    with pytest.raises(BusError, match="a record holds at most"):
        await harness.bus.publish(topic, event, key="a")
