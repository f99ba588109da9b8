"""What tests start does not outlive them, even if they are killed."""

import subprocess
import sys
from pathlib import Path

from deploy.servers.processes import Running, alive, birth_of
from tests.support.running_server import ROOT, eventually

OWNER = """
import signal, subprocess, sys
supervisor = subprocess.Popen(
    (sys.executable, "-m", "tests.support.process_supervisor", sys.argv[1], str(int(signal.SIGINT)),
     sys.executable, "-c", sys.argv[2], sys.argv[1]),
    stdin=subprocess.PIPE, start_new_session=True,
)
supervisor.wait()
"""
SERVER = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "new").write_text(str(os.getpid()))
(folder / "new").rename(folder / "pid")
time.sleep(60)
"""


def test_a_supervised_server_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    owner = subprocess.Popen((sys.executable, "-c", OWNER, str(folder), SERVER), cwd=ROOT)
    try:
        eventually((folder / "pid").exists, within=20, what="the server's start")
        pid = int((folder / "pid").read_text())
        server = Running(pid, birth_of(pid))
        assert alive(server)
    finally:
        owner.kill()
        owner.wait()
    eventually(lambda: not alive(server), within=20, what="the server's end")
    eventually(lambda: not folder.exists(), within=20, what="the end of its folder")
