"""Cuts by hand and songs of own stems, with real audio through the whole server."""

import secrets
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cratedig import Client
from tests.support import signals
from tests.support.running_server import RunningServer
from tests.support.sounds import write_tone

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def user(server: RunningServer) -> Client:
    return server.user()


def upload(user: Client, path: Path, **fields: str) -> str:
    sent = user.uploads.file(path, **fields)  # type: ignore[arg-type]
    user.jobs.wait(str(sent.job))
    return str(sent.item)


def audio_of(user: Client, item: str, kind: str, folder: Path) -> np.ndarray:
    """Return the newest file of a kind of an item, `[samples, channels]`."""
    newest = next(file for file in user.artifacts.list(item) if file.kind == kind)
    path = user.artifacts.save(newest, folder / secrets.token_hex(4))
    return np.asarray(soundfile.read(path, always_2d=True)[0])


def test_samples_follow_the_cuts_that_a_user_edits(user: Client, tmp_path: Path) -> None:
    loop = signals.drum_loop(120.0, 2, seed=7)
    path = tmp_path / "loop.wav"
    soundfile.write(path, loop.audio.T, 44_100, subtype="PCM_24")
    item = upload(user, path, kind="recording", stem="drums")
    params = {"loops": False, "fade_in_ms": 0, "fade_out_ms": 0}
    user.jobs.wait(user.jobs.create(item, "slicing", params=params).id)
    before = user.cuts.get(item)
    assert (before.by, before.to_render) == ("machine", 0)
    first, second, third, *_ = before.items
    user.items.favourite(str(first.sample))
    end = first.end - 1001
    edited = user.cuts.edit(
        item,
        [
            {"do": "move", "cut": first.number, "end": end},
            {"do": "delete", "cut": second.number},
            {"do": "split", "cut": third.number, "at": third.start + 2205},
        ],
        version=before.version,
    )
    assert (edited.by, edited.version, edited.to_render) == ("user", 1, 3)
    assert second.sample in {hidden.item.id for hidden in user.items.hidden()}
    run = user.runs.wait(user.cuts.render(item).id)
    assert run.state == "succeeded", run
    rendered = user.cuts.get(item)
    assert rendered.to_render == 0
    assert len(rendered.items) == len(before.items)
    # The sample that was moved is the same item with other audio, to the sample.
    sample = user.items.get(str(first.sample))
    assert sample.favourite
    assert sample.audio is not None
    assert sample.audio.samples == end - first.start
    audio = audio_of(user, sample.id, "canonical", tmp_path)
    song = audio_of(user, item, "canonical", tmp_path)
    np.testing.assert_array_equal(audio, song[first.start : end])
    # Undone: the samples are back, and rendering brings the old audio back.
    user.corrections.delete(item, "cuts")
    assert second.sample not in {hidden.item.id for hidden in user.items.hidden()}
    again = user.cuts.edit(item, [{"do": "reset"}], version=user.cuts.get(item).version)
    assert {cut.sample for cut in again.items} == {cut.sample for cut in before.items}
    user.runs.wait(user.cuts.render(item).id)
    audio = audio_of(user, sample.id, "canonical", tmp_path)
    np.testing.assert_array_equal(audio, song[first.start : first.end])


def test_a_song_of_own_stems_is_their_sum(user: Client, tmp_path: Path) -> None:
    bass = upload(user, write_tone(tmp_path / "bass.wav", frequency=61.7), stem="bass")
    voice = upload(
        user, write_tone(tmp_path / "voice.wav", frequency=447.1, seconds=0.8), stem="vocals"
    )
    multitrack = user.multitracks.create(
        "Mine", [{"item": bass}, {"item": voice, "stem": "vocals"}]
    )
    user.jobs.wait(multitrack.job)
    song = user.items.get(multitrack.item.id)
    assert (song.state, song.kind) == ("ready", "track")
    stems = [file for file in user.artifacts.list(song.id) if file.kind == "stem"]
    assert {file.stem for file in stems} == {"bass", "vocals"}
    parts = [
        np.asarray(soundfile.read(user.artifacts.save(file, tmp_path / file.name))[0])
        for file in stems
    ]
    mix = audio_of(user, song.id, "canonical", tmp_path)
    np.testing.assert_allclose(mix, parts[0] + parts[1], atol=5e-7)
    children = {child.id: child for child in user.items.list(parent=song.id)}
    assert set(children) == {bass, voice}
    run = user.runs.create(song.id, "stems")
    assert user.runs.wait(run.id).state == "succeeded"
    assert run.steps[0].jobs == (multitrack.job,)
