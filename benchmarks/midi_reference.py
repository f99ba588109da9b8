"""Runs inside the reference environment: upstream's transcription, and mir_eval's scores.

One JSON request a line on stdin, one JSON answer a line on stdout. Nothing of the project is
imported here, and nothing of this environment is imported by the project.
"""

import contextlib
import json
import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def transcribe(path, network):
    """Return upstream's notes with its default thresholds, and the seconds it took."""
    from basic_pitch.inference import predict

    started = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        _, _, events = predict(path, network)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "notes": [[float(e[0]), float(e[1]), int(e[2])] for e in events]}


def judge(truth, estimate, tolerance=0.05):
    """Return F1 of notes by onset (50 ms) and by onset and end (20 %, at least 50 ms)."""
    from mir_eval.transcription import precision_recall_f1_overlap

    if not estimate:
        return {"onset": 0.0, "end": 0.0, "precision": 0.0, "recall": 0.0}

    def arrays(notes):
        times = np.array([[max(0.0, start), max(end, start + 0.01)] for start, end, _ in notes])
        return times, 440 * 2 ** ((np.array([pitch for *_, pitch in notes]) - 69) / 12)

    pair = (*arrays(truth), *arrays(estimate))
    precision, recall, onset, _ = precision_recall_f1_overlap(
        *pair, onset_tolerance=tolerance, offset_ratio=None
    )
    _, _, end, _ = precision_recall_f1_overlap(*pair, onset_tolerance=tolerance, offset_ratio=0.2)
    return {"onset": onset, "end": end, "precision": precision, "recall": recall}


def peak_mb():
    """Return this program's peak memory; `getrusage` would count what ran before it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main():
    """Serve requests from stdin until it ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    from basic_pitch import ICASSP_2022_MODEL_PATH  # noqa: F401 - importing it takes long.
    from basic_pitch.inference import Model

    network = Model(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "transcribe":
            answer = transcribe(request["path"], network)
        else:
            answer = judge(request["truth"], request["estimate"], request.get("tolerance", 0.05))
        answer["rss_mb"] = peak_mb()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
