"""librosa, Essentia and mir_eval, in `.venv-reference-analysis`: estimates and scores.

Reads one request a line as JSON, answers one a line. Both sides are scored here, so no metric is
of our own making.
"""

import json
import sys
import time
import warnings
from itertools import pairwise

import essentia
import essentia.standard as es
import librosa
import mir_eval
import numpy as np
import scipy.ndimage
import soundfile

warnings.filterwarnings("ignore")
essentia.log.infoActive = essentia.log.warningActive = False

NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
HOP = 512


def load(path, rate=None):
    """Return mono audio and its rate."""
    audio, file_rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    if rate is not None and rate != file_rate:
        return librosa.resample(mono, orig_sr=file_rate, target_sr=rate), rate
    return mono, file_rate


def onsets(path):
    """Find onsets with librosa as it comes (22.05 kHz), and at 44.1 kHz."""
    low, rate = load(path, 22_050)
    high, full = load(path, 44_100)
    return {
        "librosa": librosa.onset.onset_detect(y=low, sr=rate, units="time").tolist(),
        "librosa 44.1 kHz": librosa.onset.onset_detect(y=high, sr=full, units="time").tolist(),
    }


def rhythm(path):
    """Find tempo and beats with librosa's tracker and Essentia's multi-feature one."""
    audio, rate = load(path, 22_050)
    began = time.perf_counter()
    bpm, beats = librosa.beat.beat_track(y=audio, sr=rate, units="time")
    middle = time.perf_counter()
    high, _ = load(path, 44_100)
    started = time.perf_counter()
    essentia_bpm, ticks, *_ = es.RhythmExtractor2013(method="multifeature")(high.astype(np.float32))
    ended = time.perf_counter()
    return {
        "librosa": {
            "bpm": float(np.atleast_1d(bpm)[0]),
            "beats": beats.tolist(),
            "seconds": middle - began,
        },
        "Essentia": {
            "bpm": float(essentia_bpm),
            "beats": ticks.tolist(),
            "seconds": ended - started,
        },
    }


def harmony(path):
    """Find key and chords on librosa's chroma: Krumhansl's profiles, and binary templates."""
    audio, rate = load(path, 22_050)
    began = time.perf_counter()
    chroma = librosa.feature.chroma_cqt(y=audio, sr=rate, hop_length=HOP)
    keys = [
        (float(np.corrcoef(np.roll(profile, tonic), chroma.mean(axis=1))[0, 1]), tonic, mode)
        for mode, profile in (("major", MAJOR), ("minor", MINOR))
        for tonic in range(12)
    ]
    _, tonic, mode = max(keys)
    templates = np.array(
        [
            np.roll(np.isin(np.arange(12), (0, third, 7)), root)
            for third in (4, 3)
            for root in range(12)
        ],
        dtype=float,
    )
    unit = chroma / np.maximum(np.linalg.norm(chroma, axis=0), 1e-9)
    states = np.argmax(templates @ unit, axis=0)
    # A median over half a second is the usual smoothing; labels have no order, so by majority.
    counts = scipy.ndimage.uniform_filter1d(np.eye(24)[states], 21, axis=0, mode="nearest")
    states = counts.argmax(axis=1)
    seconds = time.perf_counter() - began
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    labels = [f"{NAMES[s % 12]}:{'maj' if s < 12 else 'min'}" for s in states]
    chords = [
        [first * HOP / rate, last * HOP / rate, labels[first]] for first, last in pairwise(edges)
    ]
    essentia_key, scale, _ = es.KeyExtractor()(load(path, 44_100)[0].astype(np.float32))
    return {
        "librosa": {"key": f"{NAMES[tonic]} {mode}", "chords": chords, "seconds": seconds},
        "Essentia": {"key": f"{essentia_key} {scale}"},
    }


CHORD_METRICS = {
    "chords": mir_eval.chord.majmin,
    "sevenths": mir_eval.chord.sevenths,
    "mirex": mir_eval.chord.mirex,
    "inversions": mir_eval.chord.sevenths_inv,
}


def _labelled(truth, estimate):
    """Return intervals and labels of both sides, from 0 to the end of the truth."""
    sides = []
    for side in (truth, estimate):
        spans = np.array([[start, end] for start, end, _ in side])
        labels = [label for _, _, label in side]
        sides += mir_eval.util.adjust_intervals(spans, labels, 0.0, truth[-1][1])
    return sides


def judge(kind, truth, estimate):
    """Score an estimate with mir_eval."""
    if kind == "onsets":
        return mir_eval.onset.f_measure(np.array(truth), np.array(estimate), window=0.05)[0]
    if kind == "beats":
        trim = mir_eval.beat.trim_beats
        return mir_eval.beat.f_measure(trim(np.array(truth)), trim(np.array(estimate)))
    if kind == "key":
        return mir_eval.key.weighted_score(truth, estimate)
    if kind in CHORD_METRICS:
        spans = np.array([[start, end] for start, end, _ in truth])
        labels = [label for _, _, label in truth]
        est = np.array([[start, end] for start, end, _ in estimate])
        guesses = [label for _, _, label in estimate]
        est, guesses = mir_eval.util.adjust_intervals(
            est, guesses, spans.min(), spans.max(), "N", "N"
        )
        merged, left, right = mir_eval.util.merge_labeled_intervals(spans, labels, est, guesses)
        durations = mir_eval.util.intervals_to_durations(merged)
        return mir_eval.chord.weighted_accuracy(CHORD_METRICS[kind](left, right), durations)
    if kind == "sections":
        spans, labels, est, guesses = _labelled(truth, estimate)
        return mir_eval.segment.pairwise(spans, labels, est, guesses)[2]
    if kind == "boundaries":
        spans, _, est, _ = _labelled(truth, estimate)
        return mir_eval.segment.detection(spans, est, window=3.0, trim=True)[2]
    raise ValueError(kind)


WORK = {"onsets": onsets, "rhythm": rhythm, "harmony": harmony}

for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "judge":
        answer = {"score": float(judge(request["kind"], request["truth"], request["estimate"]))}
    else:
        answer = WORK[request["do"]](request["path"])
    print(json.dumps(answer), flush=True)
