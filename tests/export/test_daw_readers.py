"""Bundles in the programs that open them: `make test-daw` runs this with Debian's packages.

polyphone turns SFZ into a SoundFont, which fluidsynth renders; Hydrogen renders its own drumkits.
What comes out is compared with the samples. LMMS imports MIDI files, and music21 reads their notes.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import mido
import numpy as np
import pytest
from lxml import etree

from benchmarks.environments import reference_python
from kit.arrays import Mono
from kit.audio.decode import read
from services.export.bundle import Kit
from services.export.formats.hydrogen import drumkit_xml, write_hydrogen
from services.export.formats.sfz import sfz_text
from tests.export.jobs import export, song_files
from tests.support.kits import RATE, drum_kit, instrument, write_wav
from tests.support.signals import note_frequency

pytestmark = [pytest.mark.daw, pytest.mark.timeout(600)]

HYDROGEN_SCHEMA = Path("/usr/share/hydrogen/data/xsd/drumkit.xsd")
LMMS_SETTINGS = """<?xml version="1.0"?>
<!DOCTYPE lmms-config-file>
<lmms version="1.2.2" configversion="2">
 <app configured="1" language="en"/>
 <mixer audiodev="Dummy (no sound output)" mididev="Dummy (no MIDI support)"/>
 <paths workingdir="{home}/lmms/" defaultsf2="/usr/share/sounds/sf2/TimGM6mb.sf2"/>
</lmms>
"""
"""Without a sound card and a SoundFont, LMMS would wait for an answer on the screen."""
READ_WITH_MUSIC21 = """
import json, sys
from music21 import converter, tempo
score = converter.parse(sys.argv[1])
notes = []
for n in score.flatten().notes:
    # Percussion has no pitch but an instrument with a place in the percussion map.
    pitches = [p.midi for p in n.pitches] or [n.storedInstrument.percMapPitch]
    at = round(float(n.getOffsetInHierarchy(score)), 2)
    notes += [(at, pitch, n.volume.velocity) for pitch in pitches]
tempos = {mark.number for mark in score.flatten().getElementsByClass(tempo.MetronomeMark)}
print(json.dumps({"notes": sorted(notes), "tempos": sorted(tempos), "parts": len(score.parts)}))
"""
STEP = 1.0
"""Seconds from one note to the next."""


def run(*command: str | Path, home: Path) -> str:
    """Run a program without a screen or a sound card; fail if it fails."""
    program = shutil.which(str(command[0]))
    assert program is not None, f"{command[0]} is missing: see `make test-daw`"
    environment = os.environ | {"HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [program, *map(str, command[1:])],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_samples(folder: Path, kit: Kit) -> dict[str, Path]:
    """Write the samples of a kit to `Samples`."""
    (folder / "Samples").mkdir()
    files = {sample.name: folder / "Samples" / f"{sample.name}.wav" for sample in kit.samples}
    for sample in kit.samples:
        write_wav(files[sample.name], sample)
    return files


def play_sfz(folder: Path, kit: Kit, notes: list[tuple[int, int]]) -> list[Mono]:
    """Render notes and velocities of a kit as SFZ, a second each, without reverb."""
    write_samples(folder, kit)
    paths = {sample.name: f"Samples/{sample.name}.wav" for sample in kit.samples}
    (folder / "kit.sfz").write_text(sfz_text(kit, paths), encoding="utf-8")
    log = run(
        *("polyphone", "-1", "-i", folder / "kit.sfz", "-d", folder, "-o", "kit"), home=folder
    )
    # Round robins and the way of choking have no equal in a SoundFont.
    unsupported = {line.split(": ")[1] for line in log.splitlines() if "not supported" in line}
    assert {text.split()[0] for text in unsupported} <= {"seqlength", "seqposition", "offmode"}
    track = mido.MidiTrack()
    for number, (note, velocity) in enumerate(notes):
        track.append(
            mido.Message("note_on", note=note, velocity=velocity, time=96 if number else 0)
        )
        track.append(mido.Message("note_off", note=note, time=864))
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(folder / "notes.mid")
    run(
        *("fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "1", "-r", str(RATE)),
        *("-F", folder / "out.wav", folder / "kit.sf2", folder / "notes.mid"),
        home=folder,
    )
    return cut(folder / "out.wav", len(notes))


def cut(path: Path, count: int) -> list[Mono]:
    """Return the parts of a rendering, one for each note."""
    audio = read(path, RATE, mono=True)[0]
    length = round(STEP * RATE)
    audio = np.pad(audio, (0, max(0, count * length - len(audio))))
    return [audio[number * length : (number + 1) * length] for number in range(count)]


def similarity(rendered: Mono, sample: Mono) -> float:
    """Return the correlation of a sample with its rendering, at the best delay up to 50 ms."""
    length = min(len(sample), len(rendered) - RATE // 20)
    reach = rendered[: length + RATE // 20]
    products = np.correlate(reach, sample[:length], "valid")
    energies = np.convolve(reach**2, np.ones(length), "valid")
    scale = np.sqrt(np.maximum(energies, 1e-12) * np.sum(sample[:length] ** 2))
    return float(np.max(products / scale))


def frequency_of(sound: Mono) -> float:
    """Return the frequency of the strongest partial in Hz."""
    window = sound[: RATE // 2] * np.hanning(RATE // 2)
    spectrum = np.abs(np.fft.rfft(window, 1 << 19))
    return float(np.argmax(spectrum) * RATE / (1 << 19))


def test_every_pad_of_an_sfz_kit_plays_its_sample(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    rendered = play_sfz(tmp_path, kit, [(pad.note, 127) for pad in kit.pads])
    for pad, sound in zip(kit.pads, rendered, strict=True):
        sample = read(pad.layers[-1].sample.path, mono=True)[0]
        assert similarity(sound, sample) > 0.98, pad.name


def test_soft_notes_of_an_sfz_kit_play_the_soft_layer(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    soft, loud = play_sfz(tmp_path, kit, [(38, 40), (38, 120)])
    samples = [read(layer.sample.path, mono=True)[0] for layer in kit.pads[2].layers]
    assert similarity(loud, samples[2]) > 0.98
    # A SoundFont has no round robins: it plays both.
    assert similarity(soft, samples[0] + samples[1]) > 0.98
    assert similarity(soft, samples[2]) < 0.5


def test_notes_of_an_sfz_instrument_are_in_tune_and_sustain(tmp_path: Path) -> None:
    notes = [48, 52, 60, 63, 67]
    rendered = play_sfz(tmp_path, instrument(tmp_path), [(note, 100) for note in notes])
    for note, sound in zip(notes, rendered, strict=True):
        cents = 1200 * np.log2(frequency_of(sound) / note_frequency(note))
        assert abs(cents) < 3, note
    # The looped sample sounds as long as the key is held, longer than its file at a higher pitch.
    late = rendered[-1][round(0.7 * RATE) : round(0.85 * RATE)]
    assert np.sqrt(np.mean(late**2)) > 0.1 * np.abs(rendered[-1]).max()


def song_xml(kit: Kit, drumkit: ET.Element) -> bytes:
    """Return a song of Hydrogen that plays every pad of a kit, a second each, at 60 BPM."""
    song = ET.Element("song")
    fields = {
        "version": "1.2.0",
        "bpm": "60",
        "volume": "1",
        "name": "song",
        "mode": "song",
        "loopEnabled": "false",
        "humanize_time": "0",
        "humanize_velocity": "0",
        "swing_factor": "0",
    }
    for name, text in fields.items():
        ET.SubElement(song, name).text = text
    for name in ("componentList", "instrumentList"):
        part = drumkit.find(name)
        assert part is not None
        song.append(part)
    for instrument_ in song.iter("instrument"):
        ET.SubElement(instrument_, "drumkit").text = kit.name
        ET.SubElement(instrument_, "drumkitLookup").text = "2"
    patterns = ET.SubElement(song, "patternList")
    sequence = ET.SubElement(song, "patternSequence")
    for number in range(len(kit.pads)):
        pattern = ET.SubElement(patterns, "pattern")
        # A quarter note is 48 ticks.
        for name, text in {"name": str(number), "size": "48", "denominator": "4"}.items():
            ET.SubElement(pattern, name).text = text
        note = ET.SubElement(ET.SubElement(pattern, "noteList"), "note")
        for name, text in {
            "position": "0",
            "leadlag": "0",
            "velocity": "1",
            "pan": "0",
            "pitch": "0",
            "probability": "1",
            "key": "C0",
            "length": "-1",
            "instrument": str(number),
            "note_off": "false",
        }.items():
            ET.SubElement(note, name).text = text
        group = ET.SubElement(sequence, "group")
        ET.SubElement(group, "patternID").text = str(number)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(song)


def test_hydrogen_accepts_a_drumkit_and_plays_every_pad(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    files = write_samples(tmp_path, kit)
    archive = tmp_path / "kit.h2drumkit"
    write_hydrogen(archive, kit, files)
    schema = etree.XMLSchema(etree.parse(HYDROGEN_SCHEMA))
    assert schema.validate(etree.fromstring(drumkit_xml(kit))), schema.error_log
    assert "is valid" in run("h2cli", "-c", archive, home=tmp_path)
    run("h2cli", "-i", archive, home=tmp_path)
    plain = drumkit_xml(kit).replace(b' xmlns="http://www.hydrogen-music.org/drumkit"', b"")
    (tmp_path / "song.h2song").write_bytes(song_xml(kit, ET.fromstring(plain)))
    out = tmp_path / "out.wav"
    run(
        *("h2cli", "-d", "auto", "-s", tmp_path / "song.h2song", "-o", out),
        *("-r", str(RATE), "-b", "24"),
        home=tmp_path,
    )
    for pad, sound in zip(kit.pads, cut(out, len(kit.pads)), strict=True):
        sample = read(pad.layers[-1].sample.path, mono=True)[0]
        assert similarity(sound, sample) > 0.98, pad.name


@pytest.fixture(scope="module")
def song_midi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the MIDI file of a song with a bass and drums, as the preset `midi` writes it."""
    folder = tmp_path_factory.mktemp("midi")
    path = folder / "song.mid"
    bundle = export(song_files(folder / "in").job(folder / "out"), "midi")
    path.write_bytes(bundle.files["quantised/song.mid"])
    return path


def test_music21_reads_tempo_and_notes(song_midi: Path, tmp_path: Path) -> None:
    python = reference_python("daw")
    done = run(str(python), "-c", READ_WITH_MUSIC21, song_midi, home=tmp_path)
    read_ = json.loads(done.splitlines()[-1])
    assert read_ == {
        "notes": [[0.0, 33, 100], [0.0, 36, 100], [1.0, 38, 90], [2.0, 36, 80]],
        "tempos": [120],
        "parts": 2,
    }


def lmms_imports(path: Path, home: Path) -> bool:
    """Return whether LMMS imports a file; one that it refuses leaves it waiting for an answer."""
    (home / ".lmmsrc.xml").write_text(LMMS_SETTINGS.format(home=home))
    (home / "lmms").mkdir(exist_ok=True)
    environment = os.environ | {"HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    program = shutil.which("lmms")
    assert program is not None, "lmms is missing: see `make test-daw`"
    try:
        done = subprocess.run(
            [program, "--allowroot", "--import", path, "-e"],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def test_lmms_imports_the_song(song_midi: Path, tmp_path: Path) -> None:
    assert lmms_imports(song_midi, tmp_path)
    damaged = tmp_path / "damaged.mid"
    damaged.write_bytes(b"no MIDI file" * 8)
    assert not lmms_imports(damaged, tmp_path)
