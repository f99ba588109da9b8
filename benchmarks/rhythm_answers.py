"""Tempo, beats and bars by the analysis service of the tree on `PYTHONPATH`.

Reads one request a line as JSON, answers one a line; so the service of an earlier commit can be
asked as the present one is.
"""

import json
import sys
import tempfile
from pathlib import Path

from contracts.analysis import Analysis, AnalysisParams
from contracts.items import ArtifactKind, ItemKind
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.analysis import service
from services.analysis.engine import load_engine
from services.analysis.handler import handle
from tests.support.single_job import audio_input, single_job

manifest = Path(service.__file__).with_name("weights.toml")
weights = open_store(KitSettings()).verified(read_manifest(manifest)) if manifest.is_file() else {}
engine = load_engine(EngineContext(weights=weights))
params = AnalysisParams(images=(), key=False, chords=False, sections=False)

for line in sys.stdin:
    request = json.loads(line)
    with tempfile.TemporaryDirectory() as scratch:
        job = single_job(
            Path(scratch),
            [audio_input(Path(request["path"]))],
            kind=ItemKind.SAMPLE if request["loop"] else ItemKind.TRACK,
        )
        handle(params, job, engine)
        document = next(output for output in job.outputs if output.kind is ArtifactKind.ANALYSIS)
        analysis = Analysis.model_validate_json(document.path.read_bytes())
    answer = {
        "bpm": analysis.tempo.bpm if analysis.tempo else 0.0,
        "metre": analysis.tempo.beats_per_bar if analysis.tempo else 0,
        "beats": [beat.time for beat in analysis.beats],
        "downbeats": [beat.time for beat in analysis.beats if beat.position == 1],
    }
    print(json.dumps(answer), flush=True)
