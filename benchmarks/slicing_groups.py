"""How clean the best slice of a group is, on songs whose drums exist alone too.

`python -m benchmarks.slicing` prints this table below its others.
"""

import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.analysis_cases import Case
from benchmarks.drum_mixes import GROUPS, SONGS, song
from benchmarks.environments import few
from contracts.items import ArtifactKind
from contracts.slicing import Slice, Slices, SlicingParams
from kit.arrays import F64, Mono
from kit.worker.engines import EngineContext
from services.slicing.engine import load_engine
from services.slicing.handler import handle
from tests.support.single_job import audio_input, single_job, write_audio

_FEWEST = 3
"""Hits of a group that is counted."""
_PARAMS = SlicingParams(loops=False, max_one_shots=0)
_MATERIALS = ("mixes without voice", "mixes")


def slice_case(case: Case, folder: Path, params: SlicingParams) -> tuple[tuple[Slice, ...], Path]:
    """Slice a recording in a new folder; return the slices, and where the stored ones lie."""
    folder.mkdir()
    path = write_audio(folder / "case.flac", case.audio[None], case.rate)
    job = single_job(folder, [audio_input(path)])
    handle(params, job, load_engine(EngineContext()))
    document = next(output for output in job.outputs if output.kind is ArtifactKind.SLICES)
    slices = Slices.model_validate_json(document.path.read_bytes()).slices
    return slices, document.path.parent


def best_table(data: Path, folder: Path) -> Iterator[str]:
    """Yield Markdown: cleanliness of the best slice of each group, less the group's mean.

    Cleanliness is the scale-invariant signal-to-distortion ratio (Le Roux et al., "SDR – half-baked
    or well done?", ICASSP 2019) of a slice of the mix to the same samples of the true drum stem.
    """
    yield "| cleanliness of the best hit, dB | groups | best − mean ± s.e. | cleanest − mean |"
    yield "|---|---|---|---|"
    for material in _MATERIALS:
        chosen: list[float] = []
        highest: list[float] = []
        for name in few(SONGS):
            case, _ = song(data, name, GROUPS[material])
            drums, _ = song(data, name, ("drums",))
            clipped = replace(case, audio=np.clip(case.audio, -1, 1))
            pieces, _ = slice_case(clipped, folder / f"{material} {name}", _PARAMS)
            ratios = np.array([_ratio_db(case.audio, drums.audio, piece) for piece in pieces])
            for group in {piece.group for piece in pieces}:
                members = np.array([piece.group == group for piece in pieces])
                if members.sum() >= _FEWEST:
                    mean = float(ratios[members].mean())
                    best = np.array([piece.best for piece in pieces]) & members
                    chosen.append(float(ratios[best][0]) - mean)
                    highest.append(float(ratios[members].max()) - mean)
        error = statistics.stdev(chosen) / len(chosen) ** 0.5 if len(chosen) > 1 else 0.0
        yield (
            f"| {material} | {len(chosen)} | **{statistics.fmean(chosen):+.1f}** ± {error:.1f} "
            f"| {statistics.fmean(highest):+.1f} |"
        )


def _ratio_db(mix: Mono, drums: Mono, piece: Slice) -> float:
    """Return the scale-invariant signal-to-distortion ratio of a slice, in dB."""
    estimate: F64 = mix[piece.start : piece.end].astype(np.float64)
    truth: F64 = drums[piece.start : piece.end].astype(np.float64)
    target = truth * (estimate @ truth) / max(float(truth @ truth), 1e-12)
    rest = estimate - target
    return float(
        10.0 * np.log10(max(float(target @ target), 1e-12) / max(float(rest @ rest), 1e-12))
    )
