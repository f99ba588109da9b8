"""What services/tagging/README.md claims: equality with the original, time, memory.

`python -m benchmarks.tagging` prints the figures; `--write` also puts them into the README, and
`--golden` writes the original's outputs for the tests. The original runs in an environment of its
own, with as many threads, one patch at a time as its own command does. `make train-tagging`
measures the accuracy of the one-shot classes.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.analysis_cases import drum_tracks
from benchmarks.environments import (
    ROOT,
    SMALLEST,
    few,
    reference_python,
    test_data,
    write_figures,
)
from benchmarks.midi import Peer, peer
from benchmarks.slicing import cost_figures
from contracts.tagging import TagSource
from kit.arrays import F32
from kit.audio.decode import read_blocks, resample_stream
from kit.audio.probe import probe
from kit.inference.base import EngineName, Network
from kit.inference.opening import open_network
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.tagging.engine import BATCH
from services.tagging.mel import RATE, log_mel, patches
from services.tagging.vocabulary import VOCABULARY
from tests.tagging.test_musicnn import GOLDEN, spectrogram

THREADS = 2
ROUNDS = 5
OF_EACH = 4
"""Patches of one recording."""
OUTPUTS = {
    "tags": "50 tags",
    "penultimate": "penultimate",
    "mean_pool": "mean pool",
    "max_pool": "max pool",
}


@dataclass(slots=True)
class Original:
    """The original's answers, through files."""

    process: Peer
    folder: Path
    seconds: list[float] = field(default_factory=list)

    def run(self, source: TagSource, mel: F32) -> dict[str, F32]:
        """Return its outputs for patches, and note how long one took."""
        source_path, to = self.folder / "patches.npy", self.folder / "outputs.npz"
        np.save(source_path, mel)
        name = f"{source.value.upper()}_musicnn"
        answer = self.process.ask(do="run", name=name, path=str(source_path), to=str(to))
        self.seconds.append(answer["seconds"] / len(mel))
        with np.load(to) as content:
            return dict(content)

    def mel(self, path: Path, *, half: bool) -> F32:
        """Return its spectrogram of a file, with its cast to float16 or without."""
        to = self.folder / "mel.npy"
        self.process.ask(do="mel", path=str(path), half=half, to=str(to))
        return np.asarray(np.load(to))


def our_mel(path: Path) -> F32:
    """Return our spectrogram of the mean of a file's channels, which the original takes too."""
    rate = probe(path).sample_rate
    mono = (block.mean(axis=0, keepdims=True) for block in read_blocks(path))
    return np.concatenate(list(log_mel(resample_stream(mono, rate, RATE))))


def recordings() -> list[Path]:
    """Return music: the synthetic song and, where they are, mixtures of real bands."""
    paths = [ROOT / "examples" / "song" / "song.flac"]
    if (data := test_data()) is not None:
        paths += sorted((data / "separation").glob("mdb_stems/*/mixture.flac"))
    return paths


def run(network: Network, mel: F32) -> dict[str, F32]:
    """Return a network's outputs for any number of patches, a multiple of its batch."""
    parts = [network.run({"mel": mel[at : at + BATCH]}) for at in range(0, len(mel), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in OUTPUTS}


def equality(original: Original, mel: F32) -> Iterator[str]:
    """Yield a table of the largest differences, and of the time relative to the original's."""
    manifest = read_manifest(ROOT / "services" / "tagging" / "weights.toml")
    weights = open_store(KitSettings()).verified(manifest)
    yield (
        "| largest difference ÷ largest value | "
        + " | ".join(OUTPUTS.values())
        + " | processor time ÷ the original's |"
    )
    yield "|---|" + "---|" * (len(OUTPUTS) + 1)
    engines: tuple[EngineName, ...] = ("openvino", "onnxruntime")
    for source in VOCABULARY:
        original.seconds.clear()
        expected = original.run(source, mel)
        for name in engines:
            network = open_network(weights[f"musicnn-{source}"], threads=THREADS, engine=name)
            ours = run(network, mel)
            spent: list[float] = []
            for _ in range(ROUNDS):
                original.run(source, mel)
                began = time.process_time()
                run(network, mel)
                spent.append((time.process_time() - began) / len(mel))
            errors = (
                np.abs(ours[output] - expected[output]).max() / np.abs(expected[output]).max()
                for output in OUTPUTS
            )
            ratio = statistics.median(spent) / statistics.median(original.seconds)
            cells = " | ".join(f"{error:.1e}" for error in errors)
            yield f"| {source}, {network.engine} | {cells} | {ratio:.2f} |"
            network.close()


def front_end(original: Original, paths: Sequence[Path]) -> Iterator[str]:
    """Yield sentences on the spectrogram: equal to the original's but for its cast."""
    off = max(
        float(np.abs(original.mel(path, half=False) - our_mel(path)).max()) for path in paths[:2]
    )
    yield f"Spectrograms differ from librosa's by {off:.1e} at most (in log10 of the power)."
    bare, cast = (
        original.run(
            TagSource.MTT, np.stack(list(patches(iter([original.mel(paths[0], half=half)]))))
        )
        for half in (False, True)
    )
    yield (
        f"The original's cast of the power to float16 alone moves its tags by up to "
        f"{np.abs(bare['tags'] - cast['tags']).max():.1e}; ours stays in float32."
    )


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tagging", description=__doc__)
    parser.add_argument("--no-hour", action="store_true", help="leave the hour of audio out")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    parser.add_argument("--golden", action="store_true", help="write what the tests compare with")
    args = parser.parse_args(arguments)
    script = ROOT / "benchmarks" / "tagging_reference.py"
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(reference_python("tagging"), script, str(THREADS)) as process,
    ):
        folder = Path(scratch)
        original = Original(process, folder)
        if args.golden:
            for source in VOCABULARY:
                np.savez(GOLDEN / f"{source}.npz", **original.run(source, spectrogram()[:2]))
            return
        paths = few(recordings())
        patch_lists = [list(patches(iter([our_mel(path)])))[:OF_EACH] for path in paths]
        mel = np.stack([patch for each in patch_lists for patch in each if len(each) == OF_EACH])
        lines = list(equality(original, mel))
        lines += ["", f"On {len(mel)} patches of {len(paths)} recordings, {THREADS} threads."]
        lines += front_end(original, paths)
        if (data := test_data()) is not None:
            cases = few(drum_tracks(data))
            lines += [
                "",
                cost_figures("tagging", cases, folder, hour=not (args.no_hour or SMALLEST)),
            ]
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "tagging" / "README.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
