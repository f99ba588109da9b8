"""The example of a subscriber reads what the library publishes on Kafka."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_server import ROOT, RunningServer
from tests.support.sounds import write_tone

pytestmark = [pytest.mark.cluster]


def test_the_example_prints_the_events_of_an_upload(
    server: RunningServer, servers: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    write_tone(path)
    item = server.user().uploads.file(path).item
    address = servers["KIT_BUS_URL"].removeprefix("kafka://")
    command = [sys.executable, "-m", "examples.subscriber", address, f"test-{item}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        events = (line.split(" ", 2) for line in process.stdout)
        data = next(json.loads(data) for type_, subject, data in events if subject == item)
        process.kill()
    assert data["item"] == item
