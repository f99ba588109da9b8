"""Convert SwiftF0's network to a graph of one fixed length, which every engine can optimise.

Architecture: Nieradzik, "SwiftF0: fast and accurate monophonic pitch detection", 2025
(arXiv 2508.18440). The weights and the operations stay as they are.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from services.midi.pitch import PITCH_HOP, WINDOW_FRAMES

_LIMITS = {"fmin": 46.875, "fmax": 2093.75}
"""Range of the network in Hz; the official graph takes it as inputs."""


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read the official `model.onnx` and write the graph.

    Parameters
    ----------
    parts
        The official file, by name.
    output
        Output file. Input `audio`, (1, `WINDOW_FRAMES` · `PITCH_HOP`): mono audio at 16 kHz.
        Outputs `pitch` in Hz and `confidence` from 0 to 1, both (1, `WINDOW_FRAMES`).

    Raises
    ------
    ValueError
        The file is not the official network.
    """
    model = onnx.load(str(parts["model.onnx"]))
    graph = model.graph
    if {port.name for port in graph.input} != {"audio", *_LIMITS}:
        raise ValueError("This is not the official network of SwiftF0: its inputs differ.")
    for port in [port for port in graph.input if port.name in _LIMITS]:
        graph.input.remove(port)
        graph.initializer.append(
            numpy_helper.from_array(np.asarray(_LIMITS[port.name], np.float32), port.name)
        )
    lengths = {"audio": WINDOW_FRAMES * PITCH_HOP}
    for port in (*graph.input, *graph.output):
        shape = port.type.tensor_type.shape
        shape.dim[1].dim_value = lengths.get(port.name, WINDOW_FRAMES)
    onnx.save(model, str(output))
