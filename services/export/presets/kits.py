"""Kits: samples with the file that maps them to the keys of a sampler."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from contracts.export import Preset
from kit.audio.decode import read_blocks
from services.export.bundle import Kit, Sample
from services.export.context import WAV, ExportContext
from services.export.formats.acid_wav import acid_wav
from services.export.formats.decent_sampler import decent_sampler_xml
from services.export.formats.drum_rack import loudest_layers, write_drum_rack
from services.export.formats.groove import groove_clip
from services.export.formats.hydrogen import write_hydrogen
from services.export.formats.multisample import write_multisample
from services.export.formats.sfz import sfz_text
from services.export.presets.readme import kit_readme
from services.export.presets.stems import MIDI
from services.export.samples import read_kit

FOLDER = "Samples"


def write_kit(context: ExportContext) -> None:
    """Write the kit that the parameters ask for, in the format of their preset.

    Samples are WAV files of 24 bits at their own rates, with root notes and loops in their chunks.
    A kit of a loop also has `groove.mid`, which replays the loop.

    Raises
    ------
    Rejected
        The subject has nothing that such a kit is made of.
    Silent
        No sample contains sound.
    """
    kit = read_kit(context.params, context.job)
    context.expect(sum(sample.audio.samples for sample in kit.samples))
    folder = context.job.scratch / FOLDER
    folder.mkdir()
    files = {sample.name: write_sample(context, sample, folder) for sample in kit.samples}
    context.require_sound()
    _WRITERS[context.params.preset](context, kit, files)
    if kit.groove:
        sources = [sample.source for sample in kit.samples]
        context.archive.add("groove.mid", groove_clip(kit), MIDI, sources=sources)
    context.archive.add("README.txt", kit_readme(kit, context.params.preset), "text/plain")


def write_sample(context: ExportContext, sample: Sample, folder: Path) -> Path:
    """Write a sample as a WAV file to a folder of the job, and return it."""
    path = folder / f"{sample.name}.wav"
    blocks = read_blocks(sample.path)
    with path.open("wb") as file:
        for data in acid_wav(sample, context.measured(blocks, path.name)):
            file.write(data)
    context.duration = max(context.duration, sample.audio.duration)
    return path


def _add_samples(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> dict[str, str]:
    """Add the samples to the archive; return their paths in it by their names."""
    paths = {sample.name: f"{FOLDER}/{sample.name}.wav" for sample in kit.samples}
    for sample in kit.samples:
        name, file = paths[sample.name], files[sample.name]
        context.archive.copy(name, file, WAV, sources=[sample.source])
    return paths


def _drum_rack(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> None:
    kit = loudest_layers(kit)
    paths = _add_samples(context, kit, files)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    path = context.job.scratch / "kit.adg"
    write_drum_rack(path, kit, paths, sizes)
    _add(context, path, f"{kit.name}.adg", kit, "application/octet-stream")


def _sfz(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> None:
    paths = _add_samples(context, kit, files)
    sources = [sample.source for sample in kit.samples]
    context.archive.add(f"{kit.name}.sfz", sfz_text(kit, paths), "text/plain", sources=sources)


def _decent_sampler(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> None:
    paths = _add_samples(context, kit, files)
    sources = [sample.source for sample in kit.samples]
    preset = decent_sampler_xml(kit, paths)
    context.archive.add(f"{kit.name}.dspreset", preset, "application/xml", sources=sources)


def _multisample(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> None:
    path = context.job.scratch / "kit.multisample"
    write_multisample(path, kit, files)
    _add(context, path, f"{kit.name}.multisample", kit, "application/zip")
    if any(pad.choke is not None for pad in kit.pads):
        context.left_out.append(
            "Choke groups: the format has none. Let the hi-hats share one voice in the sampler."
        )


def _hydrogen(context: ExportContext, kit: Kit, files: Mapping[str, Path]) -> None:
    licences = {item.clearance.licence or "" for item in context.facts.items}
    path = context.job.scratch / "kit.h2drumkit"
    write_hydrogen(path, kit, files, licence=licences.pop() if len(licences) == 1 else "")
    _add(context, path, f"{kit.name}.h2drumkit", kit, "application/gzip")


_WRITERS: Mapping[Preset, Callable[[ExportContext, Kit, Mapping[str, Path]], None]] = (
    MappingProxyType(
        {
            Preset.DRUM_RACK: _drum_rack,
            Preset.SFZ: _sfz,
            Preset.DECENT_SAMPLER: _decent_sampler,
            Preset.MULTISAMPLE: _multisample,
            Preset.HYDROGEN: _hydrogen,
        }
    )
)
"""What writes the kit of each preset."""


def _add(context: ExportContext, path: Path, name: str, kit: Kit, media_type: str) -> None:
    sources = [sample.source for sample in kit.samples]
    context.archive.copy(name, path, media_type, sources=sources)
