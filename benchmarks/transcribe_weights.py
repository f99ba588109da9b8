"""Writes Whisper's weights, as the store holds them for CTranslate2, as a checkpoint of OpenAI's.

    python -m benchmarks.transcribe_weights FOLDER OUT.npz

PyTorch is not needed here: `transcribe_reference.py` makes the `.pt` of it that
`whisper.load_model` takes.
"""

import json
import sys
from pathlib import Path

import numpy as np

from services.transcribe.networks.checkpoint import read_checkpoint


def write_npz(folder: Path, out: Path) -> None:
    """Write a network's numbers by their names in openai-whisper, and its dimensions."""
    checkpoint = read_checkpoint(folder)
    header = {"dims": dict(checkpoint.dims), "alignment": checkpoint.alignment}
    np.savez(out, **{"": np.array(json.dumps(header)), **checkpoint.tensors})  # type: ignore[arg-type]


if __name__ == "__main__":
    write_npz(Path(sys.argv[1]), Path(sys.argv[2]))
