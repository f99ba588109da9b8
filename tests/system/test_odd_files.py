"""Odd, broken and hostile files through the whole server (T16 and T17 in small)."""

import os
from pathlib import Path

import pytest

from kit.worker.engines import EngineContext
from services.ingest.engine import load_engine
from tests.ingest.damaged_files import make_seeds, mutants
from tests.support.running_server import RunningServer
from tests.system.bulk_uploads import send_all

DATA = Path(os.environ.get("CRATEDIG_TEST_DATA", "../shared/data"))
ODD = DATA / "odd_files" / "shared"
MUTANTS = int(os.environ.get("CRATEDIG_TEST_MUTANTS", "30"))
SEED = int(os.environ.get("CRATEDIG_TEST_SEED", "20"))

pytestmark = pytest.mark.timeout(300 + MUTANTS)


@pytest.mark.slow
@pytest.mark.data
def test_every_odd_file_is_taken_or_refused_with_a_reason(server: RunningServer) -> None:
    if not ODD.is_dir():
        pytest.skip(f"CRATEDIG_TEST_DATA: there are no odd files in {ODD}")
    files = [p for p in sorted(ODD.rglob("*")) if p.is_file() and p.suffix != ".csv"]
    ended = send_all(server.user("odd"), files)
    print(dict(ended))
    assert ended.total() == len(files)
    assert ended["ready"] > 0
    assert ended["rejected"] > 0
    assert server.ready()


@pytest.mark.slow
def test_damaged_files_are_taken_or_refused_with_a_reason(
    server: RunningServer, tmp_path: Path
) -> None:
    making, damaged = tmp_path / "making", tmp_path / "damaged"
    making.mkdir()
    damaged.mkdir()
    engine = load_engine(EngineContext(scratch=making))
    for number, (_, content) in enumerate(mutants(make_seeds(engine, making), MUTANTS, seed=SEED)):
        (damaged / f"{number}.bin").write_bytes(content)
    ended = send_all(server.user("damaged"), sorted(damaged.iterdir()))
    print(f"seed {SEED}: {dict(ended)}")
    assert ended.total() == MUTANTS
    assert server.ready()


PLAYLISTS = {
    "m3u8.mp3": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n",
    "concat.wav": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp.mp3": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    "xspf.flac": b'<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"/>',
    "zip.ogg": b"PK\x03\x04" + bytes(200),
    "nothing.wav": b"",
}


@pytest.mark.parametrize("name", sorted(PLAYLISTS))
def test_what_points_elsewhere_is_refused(server: RunningServer, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PLAYLISTS[name])
    assert send_all(server.user("hostile"), [path]) == {"rejected": 1}
