"""HTDemucs' transformer: two branches with alternating self-attention and cross-attention."""

import math
from dataclasses import dataclass

import numpy as np

from kit.arrays import Tensor
from services.separation.networks.layers import Layers

_EPSILON = 1e-5


def sine_positions(length: int, width: int, *, period: float) -> Tensor:
    """Return the embedding of positions in time: (1, length, width), float32.

    Phases are rounded as in the reference: late positions have large phases, so the last bit of
    the frequency matters.
    """
    half = width // 2
    exponent = np.arange(half, dtype=np.float32) / np.float32(half - 1)
    frequency = np.power(np.float32(period), exponent, dtype=np.float32)
    phase = np.arange(length, dtype=np.float32)[:, None] / frequency
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1)[None]


def plane_positions(bins: int, frames: int, width: int, *, period: float) -> Tensor:
    """Return the embedding of positions in a spectrogram: (1, frames · bins, width), float32."""
    half = width // 2
    steps = np.arange(0, half, 2, dtype=np.float32)
    frequency = np.exp(steps * np.float32(-(math.log(period) / half)))
    across = np.arange(frames, dtype=np.float32)[:, None] * frequency
    along = np.arange(bins, dtype=np.float32)[:, None] * frequency
    embedding = np.zeros((frames, bins, width), np.float32)
    embedding[..., 0:half:2] = np.sin(across)[:, None, :]
    embedding[..., 1:half:2] = np.cos(across)[:, None, :]
    embedding[..., half::2] = np.sin(along)[None]
    embedding[..., half + 1 :: 2] = np.cos(along)[None]
    return embedding.reshape(1, frames * bins, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTransformer:
    """The transformer's layers, even ones within a branch, odd ones across."""

    base: Layers
    width: int
    heads: int
    layers: int
    period: float
    weight: float

    def run(self, x: str, xt: str, *, bins: int, frames: int, length: int) -> tuple[str, str]:
        """Add the transformer to tokens of (1, frames · bins, width) and (1, length, width)."""
        graph, root = self.base.graph, "crosstransformer"
        factor = np.float32(self.weight)
        plane = plane_positions(bins, frames, self.width, period=self.period) * factor
        line = sine_positions(length, self.width, period=self.period) * factor
        x = graph.node("Add", self._norm(f"{root}.norm_in", x), graph.weight("plane", plane))
        xt = graph.node("Add", self._norm(f"{root}.norm_in_t", xt), graph.weight("line", line))
        tokens = frames * bins
        for index in range(self.layers):
            spectral, temporal = f"{root}.layers.{index}", f"{root}.layers_t.{index}"
            if index % 2:
                x, xt = (
                    self._cross(spectral, x, xt, tokens, length),
                    self._cross(temporal, xt, x, length, tokens),
                )
            else:
                x, xt = self._self(spectral, x, tokens), self._self(temporal, xt, length)
        return x, xt

    def _self(self, name: str, x: str, tokens: int) -> str:
        normal = self._norm(f"{name}.norm1", x)
        attended = self._attend(f"{name}.self_attn", normal, normal, tokens, tokens)
        return self._forward(name, x, attended, norm="norm2")

    def _cross(self, name: str, q: str, k: str, queries: int, keys: int) -> str:
        normed_q, normed_k = self._norm(f"{name}.norm1", q), self._norm(f"{name}.norm2", k)
        attended = self._attend(f"{name}.cross_attn", normed_q, normed_k, queries, keys)
        return self._forward(name, q, attended, norm="norm3")

    def _forward(self, name: str, x: str, attended: str, *, norm: str) -> str:
        graph, base = self.base.graph, self.base
        x = graph.node("Add", x, self._scale(f"{name}.gamma_1", attended))
        inner = base.gelu(self._linear(f"{name}.linear1", self._norm(f"{name}.{norm}", x)))
        fed = self._linear(f"{name}.linear2", inner)
        x = graph.node("Add", x, self._scale(f"{name}.gamma_2", fed))
        return base.normalise(f"{name}.norm_out", x, channels=self.width, axis=2, over=1, rank=3)

    def _scale(self, name: str, value: str) -> str:
        return self.base.graph.node("Mul", value, self.base.weight(f"{name}.scale"))

    def _norm(self, name: str, value: str) -> str:
        weight, bias = self.base.weight(f"{name}.weight"), self.base.weight(f"{name}.bias")
        return self.base.graph.node(
            "LayerNormalization", value, weight, bias, axis=-1, epsilon=_EPSILON
        )

    def _linear(self, name: str, value: str) -> str:
        weight, bias = self.base.tensor(f"{name}.weight"), self.base.tensor(f"{name}.bias")
        return self._project(name, value, weight, bias)

    def _project(self, name: str, value: str, weight: Tensor, bias: Tensor) -> str:
        graph = self.base.graph
        product = graph.node("MatMul", value, graph.weight(f"{name}.weight", weight.T))
        return graph.node("Add", product, graph.weight(f"{name}.bias", bias))

    def _attend(self, name: str, q: str, k: str, queries: int, keys: int) -> str:
        graph, width, heads = self.base.graph, self.width, self.heads
        weights = np.split(self.base.tensor(f"{name}.in_proj_weight"), 3)
        biases = np.split(self.base.tensor(f"{name}.in_proj_bias"), 3)
        # Scale the queries' weights instead of the scores, which saves a pass over the scores.
        scale = np.float32(1 / math.sqrt(width // heads))
        weights[0], biases[0] = weights[0] * scale, biases[0] * scale
        parts = []
        for index, (value, count) in enumerate(((q, queries), (k, keys), (k, keys))):
            projected = self._project(
                f"{name}.in_proj.{index}", value, weights[index], biases[index]
            )
            split = graph.reshape(projected, 1, count, heads, width // heads)
            order = (0, 2, 3, 1) if index == 1 else (0, 2, 1, 3)
            parts.append(graph.transpose(split, *order))
        scores = graph.node("Softmax", graph.node("MatMul", parts[0], parts[1]), axis=-1)
        mixed = graph.transpose(graph.node("MatMul", scores, parts[2]), 0, 2, 1, 3)
        return self._linear(f"{name}.out_proj", graph.reshape(mixed, 1, queries, width))
