"""Runs inside the reference environment: openai-whisper on the weights that the service uses.

    python transcribe_reference.py WEIGHTS.npz THREADS

One JSON request a line on stdin, one JSON answer a line on stdout. Nothing of the project is
imported here, and nothing of this environment is imported by the project.
"""

import contextlib
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import soundfile
import torch
import whisper


def load(weights: Path):
    """Return the network of `whisper.load_model`, from a checkpoint in OpenAI's own format."""
    with np.load(weights) as file:
        header = json.loads(str(file[""]))
        # OpenAI's files are in half precision, and become single as they are loaded.
        state = {name: torch.from_numpy(file[name]) for name in file.files if name}
    checkpoint = weights.with_suffix(".pt")
    torch.save({"dims": header["dims"], "model_state_dict": state}, checkpoint)
    network = whisper.load_model(str(checkpoint), device="cpu")
    if header["alignment"]:
        # `load_model` knows these heads by the name of an official file, which this one has not.
        heads = torch.zeros(network.dims.n_text_layer, network.dims.n_text_head, dtype=torch.bool)
        for layer, head in header["alignment"]:
            heads[layer, head] = True
        network.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return network


def transcribe(network, request):
    """Return the words with their starts, and the seconds it took."""
    audio, rate = soundfile.read(request["path"], dtype="float32")
    if rate != whisper.audio.SAMPLE_RATE or audio.ndim != 1:
        raise ValueError("openai-whisper is given mono audio at its own rate")
    # What the command line does by default, but for what is asked: beams, and times of words.
    torch.manual_seed(0)
    started = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        transcript = whisper.transcribe(
            network,
            audio,
            language=request["language"],
            word_timestamps=True,
            fp16=False,
            **request["options"],
        )
    seconds = time.perf_counter() - started
    words = [
        [word["word"], float(word["start"])]
        for segment in transcript["segments"]
        for word in segment["words"]
    ]
    return {"seconds": seconds, "words": words, "language": transcript["language"]}


def peak_mb():
    """Return this program's peak memory; `getrusage` would count what ran before it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main():
    """Serve requests from stdin until it ends."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(int(sys.argv[2]))
    network = load(Path(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        answer = transcribe(network, request)
        answer["rss_mb"] = peak_mb()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
