"""Bombs and escapes: all refused with a reason, nothing read, written or asked for (T17)."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.ingest import IngestParams, RejectionReason
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.malicious_files import HOSTILE, FileFactory
from tests.ingest.uploads import IngestHarness, cpu_seconds, peak_alone

WITHIN = 15.0
"""CPU seconds in which every file is refused."""
CLEAR = {
    "silence_24h.flac": RejectionReason.TOO_DENSE,
    "silence_4h.m4a": RejectionReason.TOO_LONG,
    "silence_15min.opus": RejectionReason.TOO_LONG,
    "says_4_gib.wav": RejectionReason.EMPTY,
    "rate_1_hz.wav": RejectionReason.RATE,
    "channels_9.wav": RejectionReason.CHANNELS,
    "tags_256_mib.mp3": RejectionReason.EMPTY,
    "cover_flood.flac": RejectionReason.TAGS,
    **dict.fromkeys(
        ("hls_http.mp3", "hls_file.mp3", "hls_data.mp3", "concat.mp3", "concat_url.mp3"),
        RejectionReason.PLAYLIST,
    ),
    **dict.fromkeys(
        ("sdp.mp3", "xspf.mp3", "dash.mp3", "pls.mp3", "asx.mp3"),
        RejectionReason.PLAYLIST,
    ),
    **dict.fromkeys(
        ("zip_slip.mp3", "zip_link.mp3", "zip_of_zips.mp3", "zip_of_many.mp3", "gzip.mp3"),
        RejectionReason.ARCHIVE,
    ),
    "noise.mp3": RejectionReason.UNSUPPORTED,
}
"""Where only one reason is right; elsewhere any is that says it cannot be used."""


class Canary:
    """Listens on loopback for TCP and UDP and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._tcp.getsockname()[1])
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [
            threading.Thread(target=self._accept),
            threading.Thread(target=self._accept_datagrams),
        ]
        for thread in self._threads:
            thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                if connection.recv(4) == b"stop":
                    return
                self.visits += 1

    def _accept_datagrams(self) -> None:
        while self._udp.recv(1024) != b"stop":
            self.visits += 1

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"stop")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"stop", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join()
        self._tcp.close()
        self._udp.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    listening = Canary()
    yield listening
    listening.close()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_harms_nothing(
    name: str, engine: ConfinedFfmpeg, harness: IngestHarness, canary: Canary, tmp_path: Path
) -> None:
    making = tmp_path / "making"
    making.mkdir()
    path = tmp_path / name
    HOSTILE[name](FileFactory(making, engine, canary.port), path)
    if name == "silence_24h.flac":
        assert path.stat().st_size < 1 << 20
    before, size = files(tmp_path), path.stat().st_size
    began = cpu_seconds()
    # Ten minutes, so that the bound on time is met by decoding and not by waiting.
    max_duration = 86_400.0 if name == "silence_24h.flac" else 600.0
    reason, message = harness.refusal(path, IngestParams(max_duration=max_duration))
    assert cpu_seconds() - began < WITHIN
    assert reason is CLEAR.get(name, reason)
    assert message.endswith(".")
    assert len(message) < 300
    assert "/" not in message.replace("M4A/AAC", "")
    assert canary.visits == 0
    assert path.stat().st_size == size
    assert files(tmp_path) - before == set()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 24


def test_a_decoder_on_its_own_would_have_gone_there(
    engine: ConfinedFfmpeg, canary: Canary, tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"ffconcat version 1.0\nfile http://127.0.0.1:{canary.port}/canary\n")
    subprocess.run(
        [
            *(engine.program, "-nostdin", "-loglevel", "quiet", "-f", "concat", "-safe", "0"),
            *("-protocol_whitelist", "file,http,tcp", "-i", path, "-f", "null", "-"),
        ],
        timeout=20,
        check=False,
    )
    assert canary.visits > 0


AGAIN = """
import pytest, sys
asked = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", sys.argv[2], sys.argv[1]]
assert pytest.main(asked) == 0
"""


def test_no_bomb_takes_more_memory_than_it_may() -> None:
    bombs = "refused and (silence or tags or cover or gib or zip)"
    assert 0 < peak_alone(AGAIN, __file__, bombs) < 1 << 20
