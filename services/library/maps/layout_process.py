"""Layouts are computed in a process of their own, so that the library goes on answering.

The process is started for one layout: what openTSNE takes in memory, 100 MB without any sound, is
given back, and a layout that is not needed any more can be ended at once.
"""

import asyncio
import json
import os
import sys

import numpy as np

from contracts.music import Seconds
from kit.arrays import F32
from kit.settings import child_environment
from services.library.maps.layout import Layout, lay_out

TIMEOUT: Seconds = 3600.0
"""How long a layout may take."""
_NICENESS = 5
"""Requests go first where processors are short."""


class LayoutFailed(Exception):
    """A layout could not be computed; the message says why."""


class LayoutProcess:
    """Computes layouts, each in a process that is started for it.

    Parameters
    ----------
    threads
        Processors that it may use.
    timeout
        How long a layout may take.
    """

    def __init__(self, *, threads: int, timeout: Seconds = TIMEOUT) -> None:
        self._threads = threads
        self._timeout = timeout

    async def compute(self, vectors: F32, *, seed: int) -> Layout:
        """Return a layout of unit vectors `[count, dimension]`; cancelled, it ends the process.

        Raises
        ------
        LayoutFailed
        """
        header = json.dumps({"shape": vectors.shape, "seed": seed, "threads": self._threads})
        data = await asyncio.to_thread(vectors.astype("<f4").tobytes)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=child_environment(self._threads),
            )
        except OSError as error:
            raise LayoutFailed(f"its process could not be started: {error}") from error
        try:
            async with asyncio.timeout(self._timeout):
                output, errors = await process.communicate(header.encode() + b"\n" + data)
        except TimeoutError as error:
            raise LayoutFailed(f"it took longer than {self._timeout:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            reason = "".join(f": {line}" for line in last)
            raise LayoutFailed(f"its process ended with {process.returncode}{reason}")
        first, _, rest = output.partition(b"\n")
        places = np.frombuffer(rest, "<f8").reshape(-1, 2)
        return Layout(places, json.loads(first)["trustworthiness"])


def main() -> None:
    """Read vectors from the standard input, and write their layout to the standard output.

    Both are a line of JSON, then numbers: float32 and float64, little-endian.
    """
    os.nice(_NICENESS)
    request = json.loads(sys.stdin.buffer.readline())
    vectors = np.frombuffer(sys.stdin.buffer.read(), "<f4").reshape(request["shape"])
    layout = lay_out(vectors, seed=request["seed"], threads=request["threads"])
    answer = json.dumps({"trustworthiness": layout.trustworthiness})
    sys.stdout.buffer.write(answer.encode() + b"\n" + layout.places.astype("<f8").tobytes())


if __name__ == "__main__":
    main()
