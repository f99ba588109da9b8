"""Sounds that are cut from a song are found by what they are and how they sound."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from cratedig import Client
from tests.support.running_server import RunningServer, eventually

pytestmark = pytest.mark.timeout(600)

RATE = 44_100
BEAT = 0.5
PATTERN = ("kick", "hat", "snare", "hat")
HITS_THEN_TAGS = {
    "name": "hits",
    "steps": [
        {"name": "slicing", "task": "slicing", "params": {"loops": False}},
        {
            "name": "tagging",
            "task": "tagging",
            "inputs": [{"step": "slicing", "kind": "sample"}],
            "batch": True,
        },
    ],
}


def drums() -> dict[str, NDArray[np.float64]]:
    """Return a kick that falls from 200 to 50 Hz, a snare of a body and noise, and a hat."""
    rng = np.random.default_rng(5)
    clock = np.arange(round(0.9 * BEAT * RATE)) / RATE
    sweep = 2 * np.pi * (50 * clock + 150 / 40 * (1 - np.exp(-clock * 40)))
    noise = rng.normal(0, 1, clock.size)
    # Two differences are a high-pass filter, and a short mean is a low-pass filter.
    high = np.diff(rng.normal(0, 1, clock.size + 2), n=2)
    low = np.convolve(noise, np.ones(6) / 6, "same")
    body = np.sin(2 * np.pi * 190 * clock) * np.exp(-clock * 25)
    return {
        "kick": 0.8 * np.sin(sweep) * np.exp(-clock * 12),
        "snare": 0.4 * body + 0.5 * low * np.exp(-clock * 18),
        "hat": 0.06 * high * np.exp(-clock * 60),
    }


def write_song(path: Path, *, bars: int) -> Path:
    """Write a drum track in which no two drums sound at once."""
    sounds = drums()
    song = np.zeros(round((4 * bars + 1) * BEAT * RATE))
    for beat in range(4 * bars):
        sound = sounds[PATTERN[beat % 4]]
        start = round(beat * BEAT * RATE) + RATE // 10
        song[start : start + sound.size] += sound
    soundfile.write(path, np.stack([song, song], axis=1), RATE, subtype="PCM_24")
    return path


def beats_of(client: Client, q: str) -> list[int]:
    """Return the beats at which the samples that a search finds begin, in the order found."""
    starts = []
    for hit in client.search.list(q):
        lineage = hit.item.lineage
        assert lineage is not None
        assert lineage.start is not None
        starts.append(round((lineage.start / RATE - 0.1) / BEAT))
    return starts


def test_kicks_cut_from_a_song_are_found_by_their_class_and_sound(
    server: RunningServer, tmp_path: Path
) -> None:
    user = server.user()
    sent = user.uploads.file(write_song(tmp_path / "Evening.wav", bars=4), kind="track")
    user.jobs.wait(str(sent.job))
    run = user.runs.create(str(sent.item), HITS_THEN_TAGS)
    assert user.runs.wait(run.id).state == "succeeded"
    # The run ends when its files are there; the search reads them right afterwards.
    eventually(
        lambda: user.search.find("kind:sample brightness:>=0").total >= 16,
        what="all samples being measured",
    )
    kicks = beats_of(user, "kick")
    assert {beat % 4 for beat in kicks} == {0}
    assert len(kicks) == 4
    page = user.search.find("kind:sample", counts=True)
    assert page.facets is not None
    counts = {facet.value: facet.count for facet in page.facets.classes}
    assert counts["kick"] == 4
    assert sum(counts.values()) == page.total
    bright = beats_of(user, "bright")
    assert {PATTERN[beat % 4] for beat in bright} == {"hat"}
    assert {PATTERN[beat % 4] for beat in beats_of(user, "deep dark")} == {"kick"}
    assert {PATTERN[beat % 4] for beat in beats_of(user, "noisy -bright")} == {"snare"}
    assert len(beats_of(user, "from:evening")) == page.total
