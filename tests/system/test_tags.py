"""Tags, classes and embeddings through the server, as a user of the library sees them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cratedig import Client
from cratedig.cli.app import app
from cratedig.credentials import save
from cratedig.types import Artifact
from tests.support.running_server import ROOT, RunningServer, eventually

pytestmark = pytest.mark.timeout(300)

SONG = ROOT / "examples" / "song" / "song.flac"
RATE = 44_100


def kick(path: Path) -> Path:
    """Write a bass drum: a tone that falls from 160 to 50 Hz and dies away."""
    clock = np.arange(round(0.45 * RATE)) / RATE
    sweep = np.cumsum(50 + 110 * np.exp(-clock * 28)) / RATE
    body = np.sin(2 * np.pi * sweep) * np.exp(-clock * 8)
    beater = 0.25 * np.random.default_rng(1).standard_normal(clock.size) * np.exp(-clock * 400)
    soundfile.write(path, 0.8 * (body + beater) / np.abs(body + beater).max(), RATE)
    return path


def tags_of(user: Client, artifact: Artifact, folder: Path) -> dict[str, Any]:
    path = user.artifacts.save(artifact, folder / f"{artifact.id}.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_a_one_shot_is_tagged_as_soon_as_it_is_uploaded(
    server: RunningServer, tmp_path: Path
) -> None:
    user = server.user("drummer")
    sent = user.uploads.file(kick(tmp_path / "Deep One.wav"))
    item = str(sent.item)
    user.jobs.wait(str(sent.job))
    assert user.items.get(item).kind == "sample"

    def tagging() -> list[Any]:
        return [job for job in user.jobs.list(item=item) if job.task == "tagging"]

    eventually(lambda: bool(tagging()), within=20, what="a tagging job of the one-shot")
    job = user.jobs.wait(tagging()[0].id)
    assert job.result is not None
    assert job.result["classes"] == {"kick": 1}
    (artifact,) = [a for a in user.artifacts.list(item) if a.kind == "tags"]
    (sample,) = tags_of(user, artifact, tmp_path)["samples"]
    assert sample["label"] == "kick"
    assert sample["confidence"] > 0.5


def show_output(user: Client, item: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what `cratedig show` prints."""
    kept = folder / "credentials.json"
    save(user.credentials, kept)
    monkeypatch.setenv("CRATEDIG_CONFIG", str(kept))
    printed = CliRunner().invoke(app, ["show", item])
    assert printed.exit_code == 0, printed.output
    return str(printed.output)


def test_a_song_and_its_slices_have_tags(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = server.user("digger")
    sent = user.uploads.file(SONG, kind="track")
    item = str(sent.item)
    user.jobs.wait(str(sent.job))
    run = user.runs.wait(user.runs.create(item, "samples").id)
    assert run.state == "succeeded", run
    song = user.jobs.wait(user.jobs.create(item, "tagging").id)
    assert song.result is not None
    artifacts = list(user.artifacts.list(item))
    tags_by_stem = {
        artifact.stem: tags_of(user, artifact, tmp_path)
        for artifact in artifacts
        if artifact.kind == "tags"
    }
    words = [tag["name"] for tag in tags_by_stem[None]["song"]]
    assert words[:3] == [tag["name"] for tag in song.result["song"]][:3]
    assert {"guitar", "electronic"} & set(words[:5])
    # Every slice that was stored is told apart, in one job for each stem.
    stored = {a.name: a.stem for a in artifacts if a.kind in ("sample", "loop")}
    assert len(stored) > 10
    stem_by_file = {
        sample["file"]: stem for stem, each in tags_by_stem.items() for sample in each["samples"]
    }
    assert stem_by_file == stored
    for each in tags_by_stem.values():
        for sample in each["samples"]:
            assert sum(sample["scores"].values()) == pytest.approx(1.0)
            assert sample["label"] in ("unknown", max(sample["scores"], key=sample["scores"].get))
    # People are shown it, too: of the song in words, of a slice as its class.
    page = show_output(user, item, tmp_path, monkeypatch)
    assert f"{words[0]} {tags_by_stem[None]['song'][0]['confidence']:.0%}" in page
    for job in user.jobs.list(run=run.id):
        for label, count in (job.result or {}).get("classes", {}).items():
            assert f"{count} × {label.replace('_', ' ')}" in page
    sample = next(sample for each in tags_by_stem.values() for sample in each["samples"])
    (slice_,) = [
        hit.id
        for hit in user.items.list(parent=item, kind="sample")
        if sample["file"] in {a.name for a in user.artifacts.list(hit.id)}
    ]
    page = show_output(user, slice_, tmp_path, monkeypatch)
    assert f"{sample['label'].replace('_', ' ')} ({sample['confidence']:.0%} sure)" in page
    vectors = {}
    for artifact in artifacts:
        if artifact.kind == "embedding":
            path = user.artifacts.save(artifact, tmp_path / f"{artifact.id}.npz")
            with np.load(path, allow_pickle=False) as content:
                vectors |= dict(zip(content["files"].tolist(), content["vectors"], strict=True))
    assert set(vectors) == {"canonical.flac", *stored}
    assert all(math.isfinite(v.sum()) and v.shape == (200,) for v in vectors.values())
