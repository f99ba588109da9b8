"""`python -m tests.support.process_supervisor FOLDER SIGNAL COMMAND…`: run a supervised server.

The server stops, and its folder is deleted, when the standard input of this process ends: at the
latest when the process that holds the other end has gone, however it ended.
"""

import shutil
import signal
import subprocess
import sys
import threading

STOP_TIMEOUT = 10.0
"""Seconds that the server has to shut down before it is killed."""


def main() -> int:
    """Run the command; return its exit code."""
    folder, number, *command = sys.argv[1:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        threading.Thread(
            target=_stop_at_end_of_input, args=(process, int(number)), daemon=True
        ).start()
        return process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop_at_end_of_input(process: subprocess.Popen[bytes], number: int) -> None:
    while sys.stdin.buffer.read(1):
        pass
    process.send_signal(number)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
