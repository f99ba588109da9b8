"""What users corrected, in place of what files of results say."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from contracts.analysis import Analysis, Beat
from contracts.corrections import CorrectedLanes, CorrectionField
from contracts.export import ExportItem
from contracts.midi import Note, Notes
from contracts.music import KeyLabel, Stem
from kit.signal.tempo_grid import DEFAULT_TEMPO, Grid, even, follow, grid_of

_ALIKE = 0.03
"""Up to this share off, a corrected tempo is twice or half the measured one."""
_BEND_INTERVAL = 0.01
"""Seconds between pitch bends of notes for which no file of results says it."""


def song_key(analysis: Analysis | None, item: ExportItem) -> KeyLabel | None:
    """Return the key of a song: the corrected one, or else that of its analysis."""
    is_measured = CorrectionField.KEY not in item.corrected
    if is_measured and analysis is not None and analysis.key is not None:
        return analysis.key.best.key
    return item.key


def song_grid(
    analysis: Analysis | None, item: ExportItem, lanes: CorrectedLanes, *, every_beat: bool
) -> tuple[Grid | None, tuple[float, ...]]:
    """Return the grid of a song and its beats in seconds.

    Corrected beats count first, then a corrected tempo. If that is twice or half the measured one,
    every measured beat is halved, or every second one left out, so that the grid follows the song
    as before. Any other tempo makes an even grid from the first measured downbeat on.

    Returns
    -------
    Grid
        `None` if neither beats nor a corrected tempo are known.
    tuple of float
        Ascending.
    """
    if lanes.beats is not None:
        return _follow(lanes.beats, every_beat=every_beat), _times(lanes.beats)
    beats = analysis.beats if analysis is not None else ()
    if CorrectionField.TEMPO not in item.corrected or item.bpm is None:
        return grid_of(analysis, every_beat=every_beat), _times(beats)
    measured = analysis.tempo.bpm if analysis is not None and analysis.tempo is not None else None
    if measured is None or len(beats) < 2:
        return even(item.bpm), ()
    beats_per_bar = max(beat.position for beat in beats)
    duration = analysis.duration if analysis is not None else beats[-1].time
    corrected = tuple(_retimed(beats, item.bpm, measured, beats_per_bar, duration))
    return _follow(corrected, every_beat=every_beat), _times(corrected)


def song_notes(
    measured: Sequence[tuple[Stem | None, Notes]], lanes: CorrectedLanes
) -> list[tuple[Stem | None, Notes]]:
    """Return the notes of a song by stem: corrected ones in place of measured ones."""
    left: dict[Stem | None, tuple[Note, ...]] = {}
    for stem_of_lane, entries in lanes.notes_of_stems.items():
        left[stem_of_lane] = entries
    if lanes.notes is not None:
        left[None] = lanes.notes
    shown: list[tuple[Stem | None, Notes]] = []
    for stem, notes in measured:
        if stem in left:
            notes = notes.model_copy(update={"notes": left.pop(stem)})
        shown.append((stem, notes))
    for stem, entries in left.items():
        # Nobody detected notes here; the user wrote all of them.
        notes = Notes(
            tempo=DEFAULT_TEMPO, tempo_known=False, bend_interval=_BEND_INTERVAL, notes=entries
        )
        shown.append((stem, notes))
    return shown


def _follow(beats: Sequence[Beat], *, every_beat: bool) -> Grid | None:
    if len(beats) < 2:
        return None
    first = next((place for place, beat in enumerate(beats) if beat.position == 1), 0)
    beats_per_bar = max(beat.position for beat in beats)
    return follow(_times(beats), first, beats_per_bar, every_beat=every_beat)


def _retimed(
    beats: Sequence[Beat], tempo: float, measured: float, beats_per_bar: int, duration: float
) -> Iterator[Beat]:
    first = next((place for place, beat in enumerate(beats) if beat.position == 1), 0)
    ratio = tempo / measured
    if abs(ratio / 2 - 1) <= _ALIKE:
        between = [(early.time + late.time) / 2 for early, late in pairwise(beats)]
        times = sorted([*_times(beats), *between])
        downbeat = 2 * first
    elif abs(ratio * 2 - 1) <= _ALIKE:
        times = list(_times(beats))[first % 2 :: 2]
        downbeat = first // 2
    else:
        start, period = beats[first].time, 60 / tempo
        before = int(start / period)
        after = max(1, int((duration - start) / period))
        times = [start + period * place for place in range(-before, after + 1)]
        downbeat = before
    for place, time in enumerate(times):
        yield Beat(time=time, position=(place - downbeat) % beats_per_bar + 1)


def _times(beats: Sequence[Beat]) -> tuple[float, ...]:
    return tuple(beat.time for beat in beats)
