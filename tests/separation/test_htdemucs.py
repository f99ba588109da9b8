"""HTDemucs without torch: equal to `demucs.apply` on small checkpoints in the official format.

The checkpoints and the stems beside them were written by torch and demucs, with seeded random
weights: `benchmarks/separation_reference.py golden`. The official sizes are compared there.
"""

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest

from contracts.music import Stem
from contracts.separation import Precision, SeparationParams, Weights
from kit.arrays import F32
from kit.audio.decode import read
from kit.inference.base import EngineName, Network
from kit.inference.opening import open_network
from kit.weights.checkpoints import CheckpointError
from kit.weights.manifest import read_manifest
from kit.worker.outcomes import Rejected
from services.separation.engine import NetworkEngine
from services.separation.handler import handle
from services.separation.htdemucs import Bag, HtdemucsSeparator
from services.separation.networks.htdemucs import Configuration, build, convert
from services.separation.service import SERVICE
from services.separation.streaming import separate_stream
from tests.separation.fake_separators import make_job, snr

GOLDEN = Path(__file__).with_name("golden")
FILES = {"tiny": "44444444", "tiny_6s": "55555555"}


def mixture() -> F32:
    return (0.1 * np.random.default_rng(11).normal(size=(2, 27_000))).astype(np.float32)


def checkpoint(kind: str) -> Path:
    (path,) = GOLDEN.glob(f"{FILES[kind]}-*.th")
    return path


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("graphs")
    output = {}
    for kind in FILES:
        path = checkpoint(kind)
        convert({path.name: path}, output.setdefault(kind, folder / f"{kind}.onnx"))
    return output


def test_without_a_precision_the_fastest_transparent_one_is_taken(graphs: dict[str, Path]) -> None:
    opened: list[Precision] = []

    def opener(path: Path, precision: Precision) -> Network:
        opened.append(precision)
        return open_network(path, threads=1)

    on_cpu = NetworkEngine({"htdemucs": graphs["tiny"]}, opener)
    unmeasured = NetworkEngine({"htdemucs": graphs["tiny"]}, opener, transparent={})
    for engine in (on_cpu, unmeasured):
        engine.open(None, None)
        engine.close()
    on_cpu.open(None, Precision.FAST)
    assert opened == [Precision.BALANCED, Precision.EXACT, Precision.FAST]


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("kind", FILES)
def test_a_whole_track_equals_demucs(
    graphs: dict[str, Path], kind: str, engine: EngineName
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    separator = HtdemucsSeparator(open_network(graphs[kind], threads=1, engine=engine))
    mix = mixture()
    scale = np.float32(mix.mean(axis=0).std(ddof=1))
    blocks = (mix[:, start : start + 5000] / scale for start in range(0, mix.shape[1], 5000))
    output = np.concatenate(list(separate_stream(blocks, separator, overlap=0.25)), axis=-1) * scale
    assert output.shape == (separator.sources, *mix.shape)
    golden = np.load(GOLDEN / f"{kind}.npz")["stems"]
    assert snr(golden, output[..., ::31]) > 100


def test_a_job_runs_on_it(graphs: dict[str, Path], tmp_path: Path) -> None:
    def opener(path: Path, precision: Precision) -> Network:
        return open_network(path, threads=1, precision=precision.value)

    engine = NetworkEngine({"htdemucs": graphs["tiny"]}, opener)
    mix = mixture()
    job, _ = make_job(tmp_path, mix)
    result = handle(SeparationParams(weights=Weights.HTDEMUCS), job, engine)
    names = ["drums.flac", "bass.flac", "other.flac", "vocals.flac"]
    assert [stem.name for stem in result.stems] == names
    golden = np.load(GOLDEN / "tiny.npz")["stems"]
    for index in (0, 1, 3):
        stored = read(tmp_path / "outputs" / names[index])
        assert snr(golden[index], stored[:, ::31]) > 70
    total = sum(read(tmp_path / "outputs" / name).astype(np.float64) for name in names)
    assert np.array_equal(total, read(job.input.path))
    with pytest.raises(Rejected, match="not guitar"):
        handle(SeparationParams(stems=(Stem.GUITAR,)), job, engine)


def test_a_bag_takes_each_stem_from_its_own_network(graphs: dict[str, Path]) -> None:
    members = [HtdemucsSeparator(open_network(graphs["tiny"], threads=1)) for _ in range(4)]
    windows = mixture()[None, :, : members[0].segment]
    assert np.array_equal(Bag(members).run(windows), members[0].run(windows))
    with pytest.raises(ValueError, match="as many stems"):
        Bag(members[:3])


def test_the_same_checkpoint_gives_the_same_bytes(graphs: dict[str, Path], tmp_path: Path) -> None:
    path = checkpoint("tiny")
    convert({path.name: path}, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == graphs["tiny"].read_bytes()


def test_the_graph_has_fixed_shapes_and_no_foreign_operators(graphs: dict[str, Path]) -> None:
    graph = onnx.load(graphs["tiny"])
    assert {entry.domain for entry in graph.opset_import} == {""}
    for value in (*graph.graph.input, *graph.graph.output):
        assert all(axis.dim_value > 0 for axis in value.type.tensor_type.shape.dim)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cac": False}, "cac"),
        ({"t_emb": "cape"}, "t_emb"),
        ({"multi_freqs": [0.5]}, "multi_freqs"),
        ({"samplerate": 48_000}, "samplerate"),
        ({"norm_starts": 2}, "not supported"),
        ({"nfft": 1024}, "not supported"),
        ({"t_layers": 0}, "not supported"),
    ],
)
def test_another_architecture_is_refused(changes: dict[str, object], message: str) -> None:
    kwargs = {"sources": ["drums", "bass"], "segment": Fraction(39, 5)}
    with pytest.raises(CheckpointError, match=message):
        Configuration.read(kwargs | changes)


def test_the_official_segment_is_what_demucs_uses() -> None:
    read_as = Configuration.read({"sources": ["a"], "segment": Fraction(39, 5), "t_lr": None})
    assert (read_as.samples, read_as.frames) == (343_980, 336)


def test_weights_that_are_not_there_are_named() -> None:
    configuration = Configuration.read({"sources": ["a"], "segment": Fraction(1, 4)})
    with pytest.raises(KeyError, match=r"tencoder\.0\.conv\.weight"):
        build(configuration, {})


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "44444444-00000000.th"
    shutil.copy(checkpoint("tiny"), broken)
    broken.write_bytes(broken.read_bytes()[:-2000])
    with pytest.raises(CheckpointError):
        convert({broken.name: broken}, tmp_path / "broken.onnx")


def test_every_selectable_set_of_weights_is_in_the_manifest() -> None:
    from services.separation.engine import PARTS

    assert SERVICE.weights is not None
    named = {weights.name for weights in read_manifest(SERVICE.weights).weights}
    assert set(PARTS) == set(Weights)
    assert {part for parts in PARTS.values() for part in parts} == named
