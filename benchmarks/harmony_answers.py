"""Answer for the analysis service that `PYTHONPATH` names: chords, keys, sections, tempo over time.

Reads one request a line as JSON, answers one a line; run with the tree of any commit.
"""

import json
import sys
import tempfile
from pathlib import Path

from contracts.analysis import Analysis, AnalysisParams
from contracts.items import ArtifactKind
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.analysis import service
from services.analysis.engine import load_engine
from services.analysis.handler import handle
from tests.support.single_job import audio_input, single_job

manifest = read_manifest(Path(service.__file__).with_name("weights.toml"))
engine = load_engine(EngineContext(weights=open_store(KitSettings()).verified(manifest)))
params = AnalysisParams(images=())

for line in sys.stdin:
    request = json.loads(line)
    with tempfile.TemporaryDirectory() as scratch:
        job = single_job(Path(scratch), [audio_input(Path(request["path"]))])
        handle(params, job, engine)
        document = next(output for output in job.outputs if output.kind is ArtifactKind.ANALYSIS)
        analysis = Analysis.model_validate_json(document.path.read_bytes())
    key, tempo = analysis.key, analysis.tempo
    # Earlier versions have one key, and one tempo for each section of constant tempo.
    keys = [(part.start, part.end, part.key) for part in getattr(key, "sections", ())]
    curve = [(point.time, point.bpm) for point in getattr(tempo, "curve", ())]
    if not curve and tempo is not None:
        steps = [(change.start, change.bpm) for change in tempo.changes] or [(0.0, tempo.bpm)]
        ends = [*(start for start, _ in steps[1:]), analysis.duration]
        curve = [
            (time, bpm)
            for (start, bpm), end in zip(steps, ends, strict=True)
            for time in (start, end)
        ]
    answer = {
        "key": key.best.key if key else "",
        "key_confidence": key.best.confidence if key else 0.0,
        "keys": keys or [(0.0, analysis.duration, key.best.key if key else "")],
        "chords": [(chord.start, chord.end, chord.chord) for chord in analysis.chords],
        "chord_confidences": [chord.confidence for chord in analysis.chords],
        "sections": [(part.start, part.end, part.label) for part in analysis.sections],
        # Earlier versions say nothing about roles.
        "roles": [getattr(part, "role", None) for part in analysis.sections],
        "curve": curve,
    }
    print(json.dumps(answer), flush=True)
