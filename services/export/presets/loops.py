"""Loops as WAV files with tempo, key and hits in their chunks, and the groove of each as MIDI."""

from collections.abc import Iterator
from dataclasses import replace

from kit.audio.decode import read_blocks
from kit.worker.outcomes import Rejected
from services.export.bundle import Kit, Sample
from services.export.context import ExportContext
from services.export.formats.acid_wav import acid_chunks
from services.export.formats.aiff import aiff
from services.export.formats.groove import groove_clip
from services.export.grooves import replay_kit
from services.export.presets.readme import loops_readme
from services.export.presets.stems import MIDI
from services.export.processing import process_file
from services.export.samples import read_items, read_recordings

AIFF = "audio/aiff"


def write_loops(context: ExportContext) -> None:
    """Write the loops of an item, or all items of a collection.

    WAV files of 24 bits at their own rates hold tempo, beats, root note and, as cue points, the
    hits. A loop of an item whose hits were stored has its groove as `<name>.mid`, by General MIDI's
    percussion map as far as the classes of the hits are known.

    Raises
    ------
    Rejected
        The item has no loops.
    Silent
        No loop contains sound.
    """
    loops = list(_loops(context))
    if not loops:
        raise Rejected(
            "input",
            "This item has no stored loops. Run slicing with loops; a recording without a steady "
            "tempo has none.",
        )
    samples = sum(sample.audio.samples for sample, _ in loops)
    context.expect(samples * (2 if context.params.loops.aiff else 1))
    without, written = [], []
    for sample, kit in loops:
        if context.params.processing.requested:
            sample, kit = _processed(context, sample, kit)
        written.append(sample)
        context.write_wav(
            f"{sample.name}.wav",
            read_blocks(sample.path),
            sample_rate=sample.audio.sample_rate,
            channels=sample.audio.channels,
            samples=sample.audio.samples,
            chunks=acid_chunks(sample),
            sources=[sample.source],
        )
        if context.params.loops.aiff:
            _write_aiff(context, sample)
        if kit is not None:
            context.archive.add(
                f"{sample.name}.mid", groove_clip(kit), MIDI, sources=[sample.source]
            )
        elif sample.bars is not None:
            without.append(sample.name)
    context.require_sound()
    if without:
        context.left_out.append(
            f"MIDI of {len(without)} loops, whose hits were not stored: {', '.join(without)[:200]}"
        )
    context.archive.add("README.txt", loops_readme(written), "text/plain")


def _loops(context: ExportContext) -> Iterator[tuple[Sample, Kit | None]]:
    """Yield each loop, and the kit whose groove replays it."""
    if context.job.subject.item is None:
        for sample in read_items(context.params, context.job):
            yield sample, None
        return
    for recording in read_recordings(context.params, context.job):
        for loop in recording.loops():
            sample = recording.samples[loop.file or ""]
            kit = replay_kit(
                sample.name,
                recording.slices,
                loop,
                recording.samples,
                beats_per_bar=recording.beats_per_bar,
            )
            yield sample, kit


def _processed(
    context: ExportContext, sample: Sample, kit: Kit | None
) -> tuple[Sample, Kit | None]:
    """Return a loop after processing, in a file that the next one replaces, and its kit."""
    file = process_file(
        sample.path,
        context.job.scratch / "processed.wav",
        context.params.processing,
        bpm=sample.bpm,
        key=sample.key,
    )
    if file.done:
        context.remarks.append(f"{sample.name}: {', '.join(file.done)}.")
    factor = file.fit.factor
    changed = replace(
        sample,
        path=file.path,
        audio=file.audio,
        bpm=file.fit.bpm,
        key=file.fit.key,
        loop=None if sample.loop is None else (0, file.audio.samples),
        cues=tuple(round(cue / factor) for cue in sample.cues),
    )
    if kit is None:
        return changed, None
    groove = tuple(
        note.model_copy(update={"start": note.start / factor, "end": note.end / factor})
        for note in kit.groove
    )
    return changed, replace(kit, bpm=file.fit.bpm, groove=groove)


def _write_aiff(context: ExportContext, sample: Sample) -> None:
    """Add a sample as an AIFF file of 24 bits."""
    name = f"{sample.name}.aiff"
    blocks = context.measured(read_blocks(sample.path), name)
    with context.archive.member(name, AIFF, sources=[sample.source]) as member:
        for data in aiff(sample, blocks):
            member.write(data)
