"""README files of bundles: how to open one in each DAW."""

import textwrap
from collections.abc import Sequence

from contracts.export import Preset
from services.export.bundle import Kit, Sample, Song
from services.export.names import key_name, tempo_name
from services.export.pitch import note_name

_STEMS = (
    (
        "Ableton Live",
        "Set the tempo above, then drag all WAV files into the Arrangement at 1.1.1 with Ctrl or "
        "Cmd held, so that each gets a track. Turn Warp off in each clip. Drag song.mid in as well "
        "and accept its tempo map.",
    ),
    (
        "Bitwig Studio",
        "Use the preset `dawproject` instead if you can. Otherwise drag the WAV files into the "
        "arranger at bar 1 and choose Raw as their mode; then drag song.mid in.",
    ),
    (
        "Cubase and Nuendo",
        "File > Import > MIDI File takes song.mid with its tempo track and markers. Then "
        "File > Import > Audio File takes the WAV files, each on its own track, at the start.",
    ),
    (
        "FL Studio",
        "File > Import > MIDI file takes song.mid with its tempo. Then drag each WAV file to the "
        "start of its own playlist track, with stretching turned off.",
    ),
    (
        "GarageBand",
        "Set the tempo above, then drag all WAV files to the beginning of the tracks area, and "
        "song.mid below them.",
    ),
    (
        "Logic Pro",
        "File > Import > MIDI File takes song.mid; import its tempo. Then drag all WAV files to "
        "bar 1, on new tracks, with Flex and Follow Tempo off.",
    ),
    (
        "Pro Tools",
        "File > Import > MIDI takes song.mid with its tempo map and key. Then File > Import > "
        "Audio takes the WAV files, as new tracks at session start.",
    ),
    (
        "Reaper",
        "Insert > Media file takes song.mid; accept its tempo map. Then insert all WAV files at "
        "0:00 as separate tracks. Their cue points show the sections.",
    ),
    (
        "Reason",
        "File > Import MIDI File takes song.mid. Then drag the WAV files to bar 1 of new audio "
        "tracks, with stretching turned off.",
    ),
    (
        "Studio One",
        "Use the preset `dawproject` instead if you can. Otherwise drag song.mid into the song and "
        "apply its tempo map, then drag the WAV files to its start, with their tempo mode off.",
    ),
)


def stems_readme(song: Song) -> str:
    """Return how to open a folder of stems in ten DAWs."""
    files = "\n".join(
        f"  stems/{track.file_name}.wav" for track in song.tracks if track.path is not None
    )
    daws = "\n\n".join(f"{daw}\n{_paragraph(text)}" for daw, text in _STEMS)
    return f"""{song.name}
{description_of(song)}

Every WAV file has 24 bits and begins at the first sample of the song, and all have one length:
place them at 0:00 and they play together. song.mid holds the notes and the tempo map.
markers.csv lists the sections. clearance.csv names the licence and the source; check it before you
publish.

{files}

{daws}
"""


_KITS = {
    Preset.DRUM_RACK: (
        "Ableton Live 12: keep the .adg file and the folder Samples together, for example in your "
        "User Library, and drag the .adg file onto a MIDI track. If Live reports missing samples, "
        "open the File Manager from the status bar and let it search this folder. The rack was "
        "made from a template of Live 12.1 and has not been opened in Live."
    ),
    Preset.SFZ: (
        "Sforzando, sfizz and other SFZ players: keep the .sfz file and the folder Samples "
        "together, and drag the .sfz file onto the player. In Reaper, FL Studio, Cubase, Logic or "
        "Ableton Live load the player as an instrument first."
    ),
    Preset.DECENT_SAMPLER: (
        "DecentSampler: keep the .dspreset file and the folder Samples together, and open the "
        ".dspreset file in the plug-in."
    ),
    Preset.MULTISAMPLE: (
        "Bitwig Studio: drag the .multisample file onto an instrument track; Sampler opens it. "
        "Studio One: drag it onto Sample One or Presence."
    ),
    Preset.HYDROGEN: (
        "Hydrogen: open the .h2drumkit file with Drumkits > Import from the menu, then load the "
        "kit from the sound library."
    ),
}


def kit_readme(kit: Kit, preset: Preset) -> str:
    """Return how to open a kit, and what plays each pad."""
    pads = "\n".join(f"  {_keys(pad.low_note, pad.high_note)}  {pad.name}" for pad in kit.pads)
    groove = (
        "\ngroove.mid replays the loop that the kit was cut from"
        + (f", at {tempo_name(kit.bpm)} BPM" if kit.bpm else "")
        + ": drag it onto the track of the kit.\n"
        if kit.groove
        else ""
    )
    return f"""{kit.name}

{textwrap.fill(_KITS[preset], 100)}
{groove}
The samples are WAV files of 24 bits. clearance.csv names the licence and the source of each; check
it before you publish. Keys, with their MIDI notes:

{pads}
"""


def loops_readme(loops: Sequence[Sample]) -> str:
    """Return how to open loops, and the tempo of each."""
    rows = "\n".join(
        f"  {loop.name}.wav"
        + (f"  {tempo_name(loop.bpm)} BPM" if loop.bpm else "")
        + (f", {loop.bars} bars" if loop.bars else "")
        for loop in loops
    )
    return f"""Loops

Drag a WAV file into the arrangement. ACID, Cubase, FL Studio, Reaper and Studio One read its tempo
and stretch it to the project's; Ableton Live and Logic Pro detect the tempo themselves: compare it
with the list. The cue points are the hits, at which samplers such as FL Studio's Slicex cut the
loop. A MIDI file next to a loop holds its groove: timing and velocity of each hit, by the
percussion map of General MIDI. clearance.csv names the licence and the source.

{rows}
"""


def _keys(low: int, high: int) -> str:
    """Return a range of keys, such as `C1 (36)`."""
    first = f"{note_name(low)} ({low})"
    return first if low == high else f"{first} to {note_name(high)} ({high})"


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="  ")


def description_of(song: Song) -> str:
    """Return tempo, metre and key of a song in a line."""
    parts = []
    if song.tempo_known:
        parts.append(f"{tempo_name(song.grid.tempo)} BPM")
        if song.grid.tempo_changes:
            parts.append(f"{song.grid.tempo_changes} tempo changes")
        parts.append(f"{song.grid.beats_per_bar}/4")
    else:
        parts.append("tempo unknown")
    if song.key:
        parts.append(f"key {key_name(song.key, sharps='#')}")
    return ", ".join(parts)


_PROJECT = (
    ("Bitwig Studio 5.0.9 or later", "File > Open."),
    ("Studio One 6.5 or later, Fender Studio Pro", "File > Open, or drag it onto the start page."),
    ("Cubase and Nuendo 14 or later", "File > Import > DAWproject."),
    ("n-Track Studio, VST Live and others", "Open or import the file like a song of their own."),
)


def dawproject_readme(song: Song, name: str) -> str:
    """Return which DAWs open a DAWproject file, and how."""
    daws = "\n".join(f"- {daw}: {text}" for daw, text in _PROJECT)
    return f"""{song.name}
{description_of(song)}

{name} is a DAWproject 1.0 file: a track for each stem, its notes on a track of their own, the tempo
map, the metre, and the sections and lines of the lyrics as markers.

{daws}

Other DAWs: use the preset `stems`. clearance.csv names the licence and the source; check it before
you publish.
"""
