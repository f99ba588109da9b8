"""The reference side of `benchmarks/separation.py`: runs in `.venv-reference-separation` alone.

    python separation_reference.py weights FOLDER NAME      seeded random weights, official format
    python separation_reference.py apply FOLDER NAME AUDIO OUT [--threads N] [--overlap X]
    python separation_reference.py segment FOLDER NAME OUT [--threads N] [--bfloat16] [--rounds N]
    python separation_reference.py masks VARIABLES MAGNITUDE OUT
    python separation_reference.py golden FOLDER            what tests/separation/golden holds

It imports nothing of the project, so that what it computes owes nothing to it.
"""

import argparse
import hashlib
import io
import json
import resource
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from demucs.apply import BagOfModels, apply_model
from demucs.htdemucs import HTDemucs
from demucs.pretrained import get_model
from torch.nn import functional

FOUR = ["drums", "bass", "other", "vocals"]
OFFICIAL = {"dconv_mode": 3, "segment": Fraction(39, 5), "samplerate": 44_100}
"""Further settings of the official files; checked by their parameter counts: 41,984,456 for four
sources, and 27.4 million, by the file's size, for six."""
KINDS = {
    "htdemucs": (FOUR, OFFICIAL | {"bottom_channels": 512}, ["11111111"]),
    "htdemucs_ft": (
        FOUR,
        OFFICIAL | {"bottom_channels": 512},
        ["22222221", "22222222", "22222223", "22222224"],
    ),
    "htdemucs_6s": ([*FOUR, "guitar", "piano"], OFFICIAL, ["33333333"]),
    "tiny": (
        FOUR,
        OFFICIAL
        | {"channels": 4, "dconv_comp": 4, "nfft": 2048, "bottom_channels": 16, "t_heads": 2}
        | {"t_layers": 3, "segment": Fraction(1, 4)},
        ["44444444"],
    ),
    "tiny_6s": (
        [*FOUR, "guitar", "piano"],
        OFFICIAL
        | {"channels": 4, "dconv_comp": 4, "nfft": 2048, "t_heads": 2}
        | {"t_layers": 2, "segment": Fraction(1, 4)},
        ["55555555"],
    ),
}


def make_weights(folder: Path, kind: str) -> None:
    """Write random weights as the official files are, and their bag.

    LayerScale and the norms' affine parameters are random too: their defaults, 1e-3 and 1e-4, would
    make a comparison blind to whole branches.
    """
    sources, kwargs, signatures = KINDS[kind]
    for number, signature in enumerate(signatures):
        torch.manual_seed(1000 + number)
        network = HTDemucs(sources=sources, **kwargs)
        generator = torch.Generator().manual_seed(2000 + number)
        with torch.no_grad():
            for name, value in network.named_parameters():
                if name.endswith(".scale"):
                    value.uniform_(0.1, 0.5, generator=generator)
                elif ".norm" in name or (".dconv." in name and value.ndim == 1):
                    middle = 1.0 if name.endswith("weight") else 0.0
                    value.copy_(middle + 0.2 * torch.randn(value.shape, generator=generator))
        state = {name: value.half() for name, value in network.state_dict().items()}
        package = {
            "klass": HTDemucs,
            "args": (),
            "kwargs": {"sources": sources, **kwargs},
            "state": state,
            "training_args": {"seed": 42, "loss": np.float64(0.25)},
        }
        buffer = io.BytesIO()
        torch.save(package, buffer)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
        (folder / f"{signature}-{digest}.th").write_bytes(buffer.getvalue())
    bag = f"models: {json.dumps(signatures)}\n"
    if len(signatures) > 1:
        rows = [[float(i == k) for k in range(len(sources))] for i in range(len(signatures))]
        bag += f"weights: {json.dumps(rows)}\n"
    (folder / f"{kind}.yaml").write_text(bag)


def apply(folder: Path, kind: str, audio: Path, out: Path, overlap: float) -> dict[str, float]:
    """Run `demucs.apply.apply_model` on a whole track, levelled as Demucs' command does."""
    network = get_model(kind, repo=folder)
    mix = torch.from_numpy(np.load(audio))
    scale = mix.mean(0).std()
    started = time.perf_counter()
    with torch.no_grad():
        stems = apply_model(network, (mix / scale)[None], shifts=0, overlap=overlap)[0] * scale
    seconds = time.perf_counter() - started
    np.save(out, stems.numpy())
    return {"seconds": seconds, "peak_mib": peak()}


def segment(folder: Path, kind: str, out: Path, bfloat16: bool, rounds: int) -> dict[str, object]:
    """Time the whole forward pass of one segment."""
    network = get_model(kind, repo=folder)
    if isinstance(network, BagOfModels):
        network = network.models[0]
    network.eval()
    mix = torch.randn(1, 2, int(network.segment * 44_100), generator=torch.manual_seed(3)) * 0.1
    times = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        network(mix)
        for _ in range(rounds):
            started = time.perf_counter()
            stems = network(mix)
            times.append(time.perf_counter() - started)
    np.savez(out, mix=mix[0].numpy(), stems=stems[0].float().numpy())
    return {"seconds": times, "peak_mib": peak()}


def masks(variables: Path, magnitude: Path, out: Path) -> None:
    """Run an independent port of Spleeter's two U-nets, in float64."""
    v = {name: torch.from_numpy(array).double() for name, array in np.load(variables).items()}
    x = torch.from_numpy(np.load(magnitude)).double()

    def named(layer: str, number: int) -> str:
        return f"{layer}_{number}" if number else layer

    def weights(layer: str, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        name = named(layer, number)
        return v[f"{name}/kernel"].permute(3, 2, 0, 1), v[f"{name}/bias"]

    def normal(y: torch.Tensor, number: int) -> torch.Tensor:
        name = named("batch_normalization", number)
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        return functional.batch_norm(y, *(v[f"{name}/{p}"] for p in parts), False, 0.0, 1e-3)

    powers = []
    for source in range(2):
        y, skips = x, []
        for level in range(6):
            y = functional.conv2d(
                functional.pad(y, (1, 2, 1, 2)), *weights("conv2d", source * 7 + level), stride=2
            )
            skips.append(y)
            if level < 5:
                y = functional.leaky_relu(normal(y, source * 12 + level), 0.2)
        for level in range(6):
            kernel, bias = weights("conv2d_transpose", source * 6 + level)
            y = functional.conv_transpose2d(y, kernel, bias, stride=2)[:, :, 1:-2, 1:-2]
            y = normal(functional.relu(y), source * 12 + 6 + level)
            if level < 5:
                y = torch.cat([skips[4 - level], y], 1)
        kernel, bias = weights("conv2d", source * 7 + 6)
        powers.append(
            (torch.sigmoid(functional.conv2d(y, kernel, bias, dilation=2, padding=3)) * x) ** 2
        )
    total = powers[0] + powers[1] + 1e-10
    np.save(out, torch.cat([(p + 5e-11) / total for p in powers]).float().numpy())


def golden(folder: Path) -> None:
    """Write the small checkpoints and the whole tracks that the tests compare with."""
    for old in folder.glob("*-*.th"):
        old.unlink()
    for kind in ("tiny", "tiny_6s"):
        make_weights(folder, kind)
        generator = np.random.default_rng(11)
        mix = (0.1 * generator.normal(size=(2, 27_000))).astype(np.float32)
        np.save(folder / "mix.npy", mix)
        apply(folder, kind, folder / "mix.npy", folder / "stems.npy", 0.25)
        stems = np.load(folder / "stems.npy")
        np.savez_compressed(folder / f"{kind}.npz", stems=stems[..., ::31])
        (folder / f"{kind}.yaml").unlink()
    for name in ("mix.npy", "stems.npy"):
        (folder / name).unlink()


def peak() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Do what the command line says and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["weights", "apply", "segment", "masks", "golden"])
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bfloat16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report: object = {}
    match args.what, args.arguments:
        case "weights", [folder, kind]:
            make_weights(Path(folder), kind)
        case "apply", [folder, kind, audio, out]:
            report = apply(Path(folder), kind, Path(audio), Path(out), args.overlap)
        case "segment", [folder, kind, out]:
            report = segment(Path(folder), kind, Path(out), args.bfloat16, args.rounds)
        case "masks", [variables, magnitude, out]:
            with torch.no_grad():
                masks(Path(variables), Path(magnitude), Path(out))
        case "golden", [folder]:
            golden(Path(folder))
        case _:
            parser.error("wrong number of arguments")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
