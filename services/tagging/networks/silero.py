"""The weights of Silero's network for speech, from its authors' ONNX file, as plain arrays."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

_NAMES = {
    "model.stft.forward_basis_buffer": "spectrum",
    **{
        f"model.encoder.{layer}.reparam_conv.{kind}": f"convolution.{layer}.{kind}"
        for layer in range(4)
        for kind in ("weight", "bias")
    },
    **{
        f"model.decoder.rnn.{kind}_{part}": f"recurrent.{kind}_{part}"
        for kind in ("weight", "bias")
        for part in ("ih", "hh")
    },
    "model.decoder.decoder.2.weight": "output.weight",
    "model.decoder.decoder.2.bias": "output.bias",
}


def convert(parts: Mapping[str, Path], output: Path) -> None:
    """Read the official `silero_vad_16k_op15.onnx` and write its weights.

    Parameters
    ----------
    parts
        The official file, by name.
    output
        Output file, `.npz`, for `services.tagging.voice_activity.VoiceActivityNetwork`.

    Raises
    ------
    ValueError
        The file is not the official network.
    """
    graph = onnx.load(str(parts["silero_vad_16k_op15.onnx"])).graph
    arrays = {
        _NAMES[entry.name]: numpy_helper.to_array(entry)
        for entry in graph.initializer
        if entry.name in _NAMES
    }
    if len(arrays) != len(_NAMES):
        raise ValueError("This is not the official network of Silero VAD: its weights differ.")
    with output.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
