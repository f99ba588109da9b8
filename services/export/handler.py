"""One job: the files of an item or of a collection in, one archive out."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from contracts.export import KITS, ExportParams, ExportResult, Preset
from contracts.items import ArtifactKind
from kit.worker.intake import reject_unreadable
from kit.worker.job import Job
from services.export.archive import Archive
from services.export.context import ExportContext
from services.export.engine import Engine
from services.export.manifest import CLEARANCE, MANIFEST, clearance_sheet, manifest_text
from services.export.presets.dawproject import write_dawproject
from services.export.presets.karaoke import write_karaoke
from services.export.presets.kits import write_kit
from services.export.presets.loops import write_loops
from services.export.presets.midi import write_midi
from services.export.presets.mixdown import write_mixdown
from services.export.presets.samples import write_samples
from services.export.presets.stems import write_stems
from services.export.service import SERVICE

PRESETS: Mapping[Preset, Callable[[ExportContext], None]] = MappingProxyType(
    {
        Preset.STEMS: write_stems,
        Preset.LOOPS: write_loops,
        **dict.fromkeys(KITS, write_kit),
        Preset.DAWPROJECT: write_dawproject,
        Preset.MIDI: write_midi,
        Preset.KARAOKE: write_karaoke,
        Preset.MIXDOWN: write_mixdown,
        Preset.SAMPLES: write_samples,
    }
)
"""What writes the files of each preset."""


@reject_unreadable()
def handle(params: ExportParams, job: Job, engine: Engine) -> ExportResult:
    """Write the bundle of a preset with its manifest and its clearance sheet."""
    name = f"{params.preset.value}.zip"
    path = job.output(name, ArtifactKind.BUNDLE, media_type="application/zip")
    with Archive(path) as archive:
        context = ExportContext(params, job, engine, archive)
        PRESETS[params.preset](context)
        archive.add(CLEARANCE, clearance_sheet(context.facts), "text/csv")
        manifest = manifest_text(
            params=params,
            subject=job.subject,
            facts=context.facts,
            files=archive.files,
            version=SERVICE.version,
            remarks=context.remarks,
            left_out=context.left_out,
        )
        archive.add(MANIFEST, manifest, "application/json")
    job.progress(1.0, "done")
    return context.result(name)
