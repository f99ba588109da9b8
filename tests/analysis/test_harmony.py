from itertools import product

import numpy as np
import pytest

from services.analysis.chord_network import QUALITIES
from services.analysis.chords import LABELS, NONE, decode, likeness, name_spans, spans
from services.analysis.key import NAMES, KeyGuess, find_key, find_key_spans

CAMELOT = {
    "C:maj": "8B", "G:maj": "9B", "D:maj": "10B", "A:maj": "11B", "E:maj": "12B", "B:maj": "1B",
    "F#:maj": "2B", "Db:maj": "3B", "Ab:maj": "4B", "Eb:maj": "5B", "Bb:maj": "6B", "F:maj": "7B",
    "A:min": "8A", "E:min": "9A", "B:min": "10A", "F#:min": "11A", "Db:min": "12A", "Ab:min": "1A",
    "Eb:min": "2A", "Bb:min": "3A", "F:min": "4A", "C:min": "5A", "G:min": "6A", "D:min": "7A",
}  # fmt: skip


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("minor", [False, True])
def test_the_camelot_wheel(tonic: int, minor: bool) -> None:
    guess = KeyGuess(tonic, minor, 1.0)
    assert CAMELOT[guess.label] == guess.camelot


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_with_its_triad_is_its_key(tonic: int) -> None:
    major = np.zeros(12)
    major[[0, 2, 4, 5, 7, 9, 11]] = 1.0
    major[[0, 4, 7]] += 1.5
    best = find_key(np.roll(major, tonic))[0]
    assert best.label == f"{NAMES[tonic]}:maj"
    minor = np.zeros(12)
    minor[[0, 2, 3, 5, 7, 8, 10]] = 1.0
    minor[[0, 3, 7]] += 1.5
    best = find_key(np.roll(minor, tonic))[0]
    assert best.label == f"{NAMES[tonic]}:min"


def test_key_weights_are_shares() -> None:
    guesses = find_key(np.array([3.0, 0, 1, 0, 2, 1, 0, 2, 0, 1, 0, 1]))
    assert len(guesses) == 24
    assert sum(guess.weight for guess in guesses) == pytest.approx(1.0)
    weights = [guess.weight for guess in guesses]
    assert weights == sorted(weights, reverse=True)
    assert find_key(np.ones(12)) == []


def root_of(label: str) -> int:
    return LABELS.index(label) // len(QUALITIES)


def triad(label: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    root, third = root_of(label), 4 if label.endswith("maj") else 3
    shape = np.full(12, 0.05)
    shape[[root, (root + third) % 12, (root + 7) % 12]] = 1.0
    return shape


def test_chords_are_followed() -> None:
    truth = ["C:maj"] * 4 + ["A:min"] * 4 + ["F:maj"] * 4 + ["G:maj"] * 4
    treble = np.array([triad(label) for label in truth])
    bass = np.array([np.eye(12)[root_of(label)] for label in truth])
    result = decode(likeness(treble, bass), np.ones(16))
    assert [LABELS[state] for state in result.states] == truth
    assert result.confidence.min() > 0.5


def test_a_passing_note_does_not_change_the_chord() -> None:
    rng = np.random.default_rng(0)
    treble = np.array([triad("C:maj")] * 8) + rng.uniform(0, 0.4, (8, 12))
    result = decode(likeness(treble, np.zeros((8, 12))), np.ones(8))
    assert {LABELS[state] for state in result.states} == {"C:maj"}


def test_silence_and_noise_have_no_chord() -> None:
    treble = np.array([triad("C:maj")] * 4 + [np.zeros(12)] * 4)
    result = decode(likeness(treble, np.zeros((8, 12))), np.array([1.0] * 4 + [0.0] * 4))
    assert [LABELS[state] for state in result.states] == ["C:maj"] * 4 + ["N"] * 4
    assert result.states[-1] == NONE
    assert decode(np.zeros((0, NONE)), np.zeros(0)).states == ()


def test_the_bass_tells_which_of_two_chords_it_is() -> None:
    # C, E, G and A together are both C with a sixth and A minor with a seventh.
    both = np.maximum(triad("C:maj"), triad("A:min"))[None].repeat(4, axis=0)
    on_a = decode(likeness(both, np.eye(12)[[9] * 4]), np.ones(4))
    on_c = decode(likeness(both, np.eye(12)[[0] * 4]), np.ones(4))
    assert LABELS[on_a.states[0]] == "A:min7"
    assert LABELS[on_c.states[0]] == "C:maj6"


def test_a_chord_may_change_half_way_between_beats() -> None:
    output = spans(np.arange(5.0), beats=True)
    np.testing.assert_allclose(output.edges, np.arange(9) / 2)
    truth = ["C:maj"] * 3 + ["F:maj"] * 5
    treble = np.array([triad(label) for label in truth])
    fit = likeness(treble, np.zeros((8, 12)))
    result = decode(fit, np.ones(8), stay=output.stay, weight=output.weight)
    assert [LABELS[state] for state in result.states] == truth


def test_in_doubt_a_chord_changes_on_the_beat() -> None:
    # The fourth of eight halves of beats is as much C as F.
    treble = np.array(
        [triad("C:maj")] * 3 + [triad("C:maj") + triad("F:maj")] + [triad("F:maj")] * 4
    )
    fit = likeness(treble, np.zeros((8, 12)))
    fit[3, [LABELS.index("C:maj"), LABELS.index("F:maj")]] = 0.8
    output = spans(np.arange(5.0), beats=True)
    on_beat = decode(fit, np.ones(8), stay=output.stay, weight=output.weight)
    assert [LABELS[state] for state in on_beat.states] == ["C:maj"] * 4 + ["F:maj"] * 4


def test_without_beats_chords_change_anywhere_alike() -> None:
    output = spans(np.array([0.0, 0.5, 1.0, 1.3]), beats=False)
    assert output.edges.size == 13
    assert output.edges[:5] == pytest.approx([0.0, 0.125, 0.25, 0.375, 0.5])
    assert output.edges[-1] == pytest.approx(1.3)
    assert np.ptp(output.stay) == 0.0
    # Over half a second a chord stays as probably as over a beat.
    assert output.stay[0] ** 4 == pytest.approx(spans(np.arange(3.0), beats=True).stay[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_sequence_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fit = np.full((4, NONE), -5.0)
    fit[:, [0, 5, 7]] = rng.uniform(0.3, 0.7, (4, 3))
    stay = rng.uniform(0.2, 0.9, 4)
    result = decode(fit, np.ones(4), stay=stay, none_at=-5.0)

    def score(path: tuple[int, ...]) -> float:
        total = 20.0 * float(sum(fit[span, state] for span, state in enumerate(path)))
        for span in range(1, 4):
            same = path[span] == path[span - 1]
            total += float(np.log(stay[span] if same else (1 - stay[span]) / NONE))
        return total

    every = {path: np.exp(score(path)) for path in product((0, 5, 7), repeat=4)}
    assert result.states == max(every, key=lambda path: every[path])
    whole = sum(every.values())
    for span, state in enumerate(result.states):
        share = sum(value for path, value in every.items() if path[span] == state) / whole
        assert result.confidence[span] == pytest.approx(share, abs=1e-3)


def test_the_network_decides_between_chords_that_fit_alike() -> None:
    treble = np.array([triad("C:maj")] * 4)
    learned = np.full((4, len(LABELS)), -8.0)
    learned[:, LABELS.index("C:7")] = -0.1
    result = decode(likeness(treble, np.zeros((4, 12))), np.ones(4), learned=learned)
    assert {LABELS[state] for state in result.states} == {"C:7"}


def test_a_chord_is_named_by_its_bass_only_if_that_is_a_note_of_it() -> None:
    treble = np.array([triad("C:maj")] * 2 + [triad("F:maj")] * 2 + [triad("A:min")] * 2)
    bass = np.eye(12)[[4, 4, 2, 2, 4, 4]]
    result = decode(likeness(treble, bass, bass_weight=0.0), np.ones(6))
    named = name_spans(result, bass, np.zeros((6, 12)))
    assert [(span.first, span.last, span.label) for span in named] == [
        (0, 2, "C:maj/3"),
        (2, 4, "F:maj"),
        (4, 6, "A:min/5"),
    ]
    unclear = name_spans(result, np.full((6, 12), 0.3), np.zeros((6, 12)))
    assert [span.label for span in unclear] == ["C:maj", "F:maj", "A:min"]
    silent = decode(likeness(treble * 0, bass * 0), np.zeros(6))
    assert [span.label for span in name_spans(silent, bass, np.zeros((6, 12)))] == ["N"]
    assert name_spans(decode(np.zeros((0, NONE)), np.zeros(0)), bass[:0], bass[:0]) == []


def scale(tonic: int, beats: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return beats that play the triads of degrees 1, 4 and 5 of a major key by turns."""
    rows = [triad(f"{NAMES[(tonic + step) % 12]}:maj") for step in (0, 5, 7, 0)]
    return np.array([rows[beat // 4 % 4] for beat in range(beats)])


def test_a_change_of_key_is_found_where_it_is() -> None:
    parts = find_key_spans(np.concatenate([scale(0, 48), scale(3, 32)]))
    assert [part.guess.label for part in parts] == ["C:maj", "Eb:maj"]
    assert parts[0].first == 0
    assert parts[1].last == 80
    assert abs(parts[1].first - 48) <= 4
    assert parts[0].last == parts[1].first


def test_a_song_in_one_key_has_one_section_and_silence_none() -> None:
    silence = np.zeros((8, 12))
    (only,) = find_key_spans(np.concatenate([silence, scale(7, 64), silence]))
    assert (only.first, only.last, only.guess.label) == (0, 80, "G:maj")
    assert find_key_spans(silence) == []
    assert find_key_spans(np.zeros((0, 12))) == []
