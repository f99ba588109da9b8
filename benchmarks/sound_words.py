"""Of how many sounds of each class a word for sound holds.

`python -m benchmarks.sound_words` prints the tables of `docs/search.md`; `--write` also puts them
there. The thresholds in `contracts/search.py` were chosen on the kits that `make train-tagging`
fetches; the other recordings and hits of drum tracks show how well they do elsewhere.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.environments import ROOT, few, test_data, write_figures
from benchmarks.oneshots import FOLDERS, STRUCK, hits, read
from contracts.search import SOUND_WORDS, MeasuredField
from contracts.tagging import SoundClass
from kit.arrays import Mono
from services.library.search.filters import in_limits
from services.tagging.measurements import measure
from tools.train_tagging.packages import configuration
from tools.train_tagging.sounds import read_kit

KITS = ROOT / ".cache" / "training"
LONGEST = 12.0
MIN_SOUNDS = 5
"""Classes with fewer sounds say nothing."""
Labelled = tuple[str, Mono, int]
"""The class, the audio `[samples]` and its rate in Hz."""


def kits() -> Iterator[Labelled]:
    """Yield the sounds of the fetched kits; those rendered from sound fonts are left out."""
    for kit in configuration()["kit"]:
        if (KITS / kit["package"]).is_dir():
            for sound in few(read_kit(kit, KITS)):
                yield sound.label, sound.audio, 44_100


def recordings(data: Path) -> Iterator[Labelled]:
    """Yield recorded one-shots."""
    for path in few(sorted((data / "drum_oneshots" / "shared").glob("*/*.flac"))):
        audio, rate = read(path)
        yield FOLDERS.get(path.parent.name, (path.parent.name,))[0], audio, rate


def tracks(data: Path) -> Iterator[Labelled]:
    """Yield hits of drum tracks that nothing else sounds near."""
    for folder in few(sorted((data / "drum_transcription" / "mdb").iterdir())):
        for audio, rate, drum in hits(folder):
            yield STRUCK[drum][0], audio, rate


def holds(audio: Mono, rate: int, *, one_shot: bool) -> dict[str, bool]:
    """Return which words hold for a sound."""
    block = np.asarray(audio[: int(LONGEST * rate)], np.float32)
    sound = measure(block[None], block, rate, one_shot=one_shot)
    values = {name: getattr(sound, name.value, None) for name in MeasuredField}
    values[MeasuredField.DURATION] = audio.size / rate
    known = {name: np.array([value], np.float32) for name, value in values.items()}
    return {
        word: any(
            bool(in_limits(known[part.measure], part.limits)[0])
            for part in meaning.ranges
            if values[part.measure] is not None
        )
        for word, meaning in SOUND_WORDS.items()
    }


def shares(sounds: Iterable[Labelled]) -> dict[str, tuple[int, dict[str, float]]]:
    """Return the number of sounds of each class, and the share of them for which a word holds."""
    by_class: dict[str, list[dict[str, bool]]] = {}
    for label, audio, rate in sounds:
        if float(np.abs(audio).max(initial=0.0)) > 1e-4:
            words = holds(audio, rate, one_shot=label != SoundClass.LOOP)
            by_class.setdefault(label, []).append(words)
    return {
        label: (len(rows), {word: sum(r[word] for r in rows) / len(rows) for word in SOUND_WORDS})
        for label, rows in by_class.items()
    }


def table(sounds: Iterable[Labelled], title: str) -> Iterator[str]:
    """Yield a table of shares in percent."""
    measured = shares(sounds)
    yield f"| {title} | of | " + " | ".join(f"*{word}*" for word in SOUND_WORDS) + " |"
    yield "|---|---:|" + "---:|" * len(SOUND_WORDS)
    for label in (member.value for member in SoundClass):
        count, words = measured.get(label, (0, {}))
        if count >= MIN_SOUNDS or (count and len(measured) == 1):
            cells = " | ".join(f"{100 * words[word]:.0f} %" for word in SOUND_WORDS)
            yield f"| {label.replace('_', ' ')} | {count} | {cells} |"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the tables and, with `--write`, update the documents."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sound_words", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/search.md")
    options = parser.parse_args(arguments)
    lines = []
    if KITS.is_dir():
        lines += [*table(kits(), "kits (thresholds were chosen on most of these)"), ""]
    else:
        print("no kits: `make train-tagging` fetches them", file=sys.stderr)
    if (data := test_data()) is not None:
        lines += [*table(recordings(data), "other recordings"), ""]
        lines += table(tracks(data), "hits of drum tracks")
    else:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data", file=sys.stderr)
    text = "\n".join(lines)
    print(text)
    if options.write and text:
        write_figures(ROOT / "docs" / "search.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
