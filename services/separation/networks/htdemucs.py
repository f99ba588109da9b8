"""Convert HTDemucs to an ONNX graph, from the official checkpoint's configuration.

Architecture: S. Rouard, F. Massa and A. Défossez, "Hybrid Transformers for Music Source
Separation", ICASSP 2023. Everything has batch one and fixed shapes; the transforms and the levels
of a segment stay outside, see `services.separation.htdemucs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from kit.arrays import Tensor
from kit.weights.checkpoints import CheckpointError
from kit.weights.graph import Graph
from services.separation.networks.checkpoint import read_checkpoint
from services.separation.networks.layers import Layers
from services.separation.networks.transformer import CrossTransformer

_FIXED: Mapping[str, Any] = {
    "audio_channels": 2,
    "channels_time": None,
    "cac": True,
    "rewrite": True,
    "multi_freqs": None,
    "context_enc": 0,
    "t_emb": "sin",
    "t_norm_in": True,
    "t_group_norm": False,
    "t_norm_first": True,
    "t_norm_out": True,
    "t_layer_scale": True,
    "t_gelu": True,
    "t_sin_random_shift": 0,
    "t_sparse_self_attn": False,
    "t_sparse_cross_attn": False,
    "t_cross_first": False,
    "samplerate": 44_100,
    "use_train_segment": True,
}
"""Values of every official file, explicit or by default; others are another architecture."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Architecture options in which files differ; defaults are those of Demucs."""

    sources: tuple[str, ...]
    channels: int = 48
    growth: int = 2
    nfft: int = 4096
    depth: int = 4
    freq_emb: float = 0.2
    emb_scale: float = 10
    kernel_size: int = 8
    stride: int = 4
    context: int = 1
    norm_starts: int = 4
    dconv_mode: int = 1
    dconv_depth: int = 2
    dconv_comp: int = 8
    bottom_channels: int = 0
    t_layers: int = 5
    t_hidden_scale: float = 4.0
    t_heads: int = 8
    t_max_period: float = 10000.0
    t_weight_pos_embed: float = 1.0
    segment: Fraction = Fraction(10)

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return int(self.segment * 44_100)

    @property
    def frames(self) -> int:
        """Frames of a segment."""
        return -(-self.samples // (self.nfft // 4))

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> "Configuration":
        """Read the configuration from a checkpoint's arguments.

        Raises
        ------
        CheckpointError
            The architecture is not supported.
        """
        for name, value in _FIXED.items():
            if arguments.get(name, value) != value:
                raise CheckpointError(
                    f"The checkpoint has {name} = {arguments[name]!r}; supported is {value!r}."
                )
        # Training options are ignored.
        taken = {name: arguments[name] for name in cls.__dataclass_fields__ if name in arguments}
        taken["sources"] = tuple(taken.get("sources", ()))
        taken["segment"] = Fraction(taken.get("segment", 10))
        configuration = cls(**taken)
        narrowest = configuration.nfft // 2 // configuration.stride ** (configuration.depth - 1)
        if (
            not configuration.sources
            or configuration.norm_starts < configuration.depth
            or narrowest <= configuration.kernel_size
            or not configuration.freq_emb
            or not configuration.t_layers
        ):
            raise CheckpointError(
                "The checkpoint is of an HTDemucs architecture that is not supported."
            )
        return configuration


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read one official checkpoint and write its graph.

    Parameters
    ----------
    parts
        The `.th` file, under its name.
    output
        Output file. Inputs `spectrum`, (1, 4, bins, frames), and `mix`, (1, 2, samples), of mean
        0 and deviation 1; outputs `spectrum_out`, (1, 4 · sources, bins, frames), and `time`,
        (1, 2 · sources, samples), to be scaled back to the levels of the input.

    Raises
    ------
    kit.weights.checkpoints.CheckpointError
        The file is damaged, needs forbidden classes, or is of another architecture.
    """
    (path,) = parts.values()
    checkpoint = read_checkpoint(path)
    configuration = Configuration.read(checkpoint.choices)
    try:
        build(configuration, checkpoint.tensors).save(output)
    except KeyError as error:
        raise CheckpointError(f"{path.name} lacks the weights {error}.") from error


def build(configuration: Configuration, tensors: Mapping[str, Tensor]) -> Graph:
    """Build the graph of a configuration, with weights."""
    return _Builder(configuration, tensors).build()


class _Builder:
    """Builds both branches: down the encoders, through the transformer, up the decoders."""

    def __init__(self, configuration: Configuration, tensors: Mapping[str, Tensor]) -> None:
        self._c = configuration
        self._graph = Graph("htdemucs")
        self._layers = Layers(self._graph, tensors)
        self._tensors = tensors

    def build(self) -> Graph:
        c, graph = self._c, self._graph
        bins, sources = c.nfft // 2, len(c.sources)
        x = graph.input("spectrum", (1, 4, bins, c.frames))
        xt = graph.input("mix", (1, 2, c.samples))
        saved, saved_t, lengths = list[str](), list[str](), list[int]()
        length = c.samples
        for index in range(c.depth):
            lengths.append(length)
            short = -length % c.stride
            xt = self._encode(f"tencoder.{index}", xt, spectral=False, end=short)
            length = (length + short) // c.stride
            saved_t.append(xt)
            x = self._encode(f"encoder.{index}", x, spectral=True)
            if index == 0:
                x = graph.node("Add", x, self._embedding())
            saved.append(x)
        bottom = bins // c.stride**c.depth
        x, xt = self._transform(x, xt, bottom, length)
        for index in range(c.depth):
            last = index == c.depth - 1
            x = self._decode(f"decoder.{index}", x, saved.pop(), spectral=True, last=last)
            target = lengths.pop()
            cut = c.stride * length + c.kernel_size - c.stride - c.kernel_size // 4 - target
            xt = self._decode(
                f"tdecoder.{index}", xt, saved_t.pop(), spectral=False, last=last, end=cut
            )
            length = target
        graph.output(x, "spectrum_out", (1, 4 * sources, bins, c.frames))
        graph.output(xt, "time", (1, 2 * sources, c.samples))
        return graph

    def _embedding(self) -> str:
        weight = self._tensors["freq_emb.embedding.weight"].astype(np.float32)
        scaled = weight * np.float32(self._c.emb_scale) * np.float32(self._c.freq_emb)
        return self._graph.weight("freq_emb", scaled.T[None, :, :, None])

    def _encode(self, name: str, value: str, *, spectral: bool, end: int = 0) -> str:
        """Convolve with stride, then the residual branch, then the gated 1x1 convolution."""
        c, layers = self._c, self._layers
        side = c.kernel_size // 4
        if spectral:
            y = layers.convolve(f"{name}.conv", value, strides=[c.stride, 1], pads=[side, 0] * 2)
        else:
            y = layers.convolve(f"{name}.conv", value, strides=[c.stride], pads=[side, side + end])
        y = layers.gelu(y)
        if c.dconv_mode & 1:
            y = layers.residual(f"{name}.dconv", y, depth=c.dconv_depth, spectral=spectral)
        return layers.gate(layers.convolve(f"{name}.rewrite", y))

    def _decode(
        self, name: str, value: str, skip: str, *, spectral: bool, last: bool, end: int = 0
    ) -> str:
        """Add the skip connection, gate with context, then the transposed convolution."""
        c, layers = self._c, self._layers
        around = [c.context] * (4 if spectral else 2)
        y = self._graph.node("Add", value, skip)
        y = layers.gate(layers.convolve(f"{name}.rewrite", y, pads=around))
        if c.dconv_mode & 2:
            y = layers.residual(f"{name}.dconv", y, depth=c.dconv_depth, spectral=spectral)
        side = c.kernel_size // 4
        if spectral:
            strides, pads = [c.stride, 1], [side, 0, side, 0]
        else:
            strides, pads = [c.stride], [side, end]
        y = layers.deconvolve(f"{name}.conv_tr", y, strides=strides, pads=pads)
        return y if last else layers.gelu(y)

    def _transform(self, x: str, xt: str, bins: int, length: int) -> tuple[str, str]:
        c, graph, layers = self._c, self._graph, self._layers
        own = c.channels * c.growth ** (c.depth - 1)
        inner = c.bottom_channels or own
        tokens = bins * c.frames
        # Both ways through here the tokens of the spectrum run over frames first, bins second.
        if c.bottom_channels:
            flat = graph.reshape(x, 1, own, tokens)
            x = graph.reshape(layers.convolve("channel_upsampler", flat), 1, inner, bins, c.frames)
            xt = layers.convolve("channel_upsampler_t", xt)
        x = graph.reshape(graph.transpose(x, 0, 3, 2, 1), 1, tokens, inner)
        xt = graph.transpose(xt, 0, 2, 1)
        transformer = CrossTransformer(
            base=layers,
            width=inner,
            heads=c.t_heads,
            layers=c.t_layers,
            period=c.t_max_period,
            weight=c.t_weight_pos_embed,
        )
        x, xt = transformer.run(x, xt, bins=bins, frames=c.frames, length=length)
        x = graph.transpose(graph.reshape(x, 1, c.frames, bins, inner), 0, 3, 2, 1)
        xt = graph.transpose(xt, 0, 2, 1)
        if c.bottom_channels:
            flat = graph.reshape(x, 1, inner, tokens)
            x = graph.reshape(layers.convolve("channel_downsampler", flat), 1, own, bins, c.frames)
            xt = layers.convolve("channel_downsampler_t", xt)
        return x, xt
