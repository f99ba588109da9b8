"""Blocks are worked on in order beside their maker; what fails is told, and nothing piles up."""

import threading

import numpy as np
import pytest

from kit.arrays import F32
from services.separation.background_writer import BackgroundWriter


def block(value: float) -> F32:
    return np.full((1, 1, 1), value, np.float32)


def test_blocks_are_worked_on_in_order_in_another_thread() -> None:
    seen: list[float] = []
    threads: set[str] = set()

    def work(item: F32) -> None:
        seen.append(float(item[0, 0, 0]))
        threads.add(threading.current_thread().name)

    with BackgroundWriter(work) as writer:
        for value in range(50):
            writer.give(block(value))
    assert seen == list(range(50))
    assert threads == {"writer_0"}


def test_no_more_than_a_few_blocks_wait() -> None:
    free, begun, count = threading.Event(), threading.Event(), 0

    def work(_: F32) -> None:
        begun.set()
        assert free.wait(20)

    def fill(writer: BackgroundWriter) -> None:
        nonlocal count
        for _ in range(5):
            writer.give(block(0))
            count += 1

    with BackgroundWriter(work, ahead=2) as writer:
        maker = threading.Thread(target=fill, args=(writer,))
        maker.start()
        assert begun.wait(20)
        # The third has to wait until the first is done, which it is not.
        maker.join(0.2)
        assert maker.is_alive()
        assert count == 2
        free.set()
        maker.join(20)
    assert count == 5


def test_an_error_is_raised_at_the_next_block_or_at_the_end() -> None:
    def work(item: F32) -> None:
        raise OSError(f"the disk is full at {item[0, 0, 0]:g}")

    def make(*values: float) -> None:
        with BackgroundWriter(work) as writer:
            for value in values:
                writer.give(block(value))

    with pytest.raises(OSError, match="full at 0"):
        make(*range(100))
    with pytest.raises(OSError, match="full at 7"):
        make(7)


def test_a_fault_of_the_maker_goes_before_what_waits() -> None:
    def fail(item: F32) -> None:
        raise OSError("the disk is full")

    def make() -> None:
        with BackgroundWriter(fail) as writer:
            writer.give(block(1))
            raise KeyError("the networks")

    with pytest.raises(KeyError, match="the networks"):
        make()
