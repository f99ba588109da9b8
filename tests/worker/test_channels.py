"""The channel to a child closes its own descriptor, once, and nobody else's."""

import subprocess
import sys

_STRAY_CLOSES = """
import asyncio, os, socket, sys, threading
import uvloop
from kit.worker.compute import open_channel

PAIRS = 5_000
stop = threading.Event()
stray = 0

def open_and_close_files():
    # As a database and a store do beside the loop: a number freed is taken again at once.
    global stray
    while not stop.is_set():
        number = os.open("/dev/null", os.O_RDONLY)
        try:
            os.read(number, 1)
            os.close(number)
        except OSError:
            stray += 1

async def end_many_children():
    for _ in range(PAIRS // 50):
        pairs = [socket.socketpair() for _ in range(50)]
        channels = [await open_channel(ours) for ours, _ in pairs]
        for _, theirs in pairs:
            theirs.sendall(b"a line\\n")
            theirs.close()
        for reader, writer in channels:
            assert await reader.readline() == b"a line\\n"
            assert await reader.readline() == b""
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in channels))

threads = [threading.Thread(target=open_and_close_files) for _ in range(4)]
for thread in threads:
    thread.start()
try:
    uvloop.run(end_many_children())
finally:
    stop.set()
    for thread in threads:
        thread.join()
print("descriptors left:", len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)
print("stray closes:", stray)
"""


def test_thousands_of_ended_children_close_nobody_elses_descriptor() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STRAY_CLOSES], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "stray closes: 0" in done.stdout
    left = int(done.stdout.split("descriptors left:")[1].split()[0])
    assert left < 32, done.stdout
