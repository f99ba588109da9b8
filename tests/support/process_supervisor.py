"""`python -m tests.support.process_supervisor FOLDER SIGNAL COMMAND…`: run a server while somebody is there.

The keeper ends what it runs, and removes its folder, once its standard input ends: at the latest
when the process that holds the other end is gone, however it went.
"""

import shutil
import signal
import subprocess
import sys
import threading

PATIENCE = 10.0
"""Seconds that the server has to end in good order."""


def main() -> int:
    """Run it."""
    folder, number, *command = sys.argv[1:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        threading.Thread(target=_end, args=(process, int(number)), daemon=True).start()
        return process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    while sys.stdin.buffer.read(1):
        pass
    process.send_signal(number)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
