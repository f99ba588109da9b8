"""Runs inside the reference environment: MusiCNN's original graph in TensorFlow, its own weights.

One JSON request a line on stdin, one JSON answer a line on stdout; arrays travel as files. Nothing
of the project is imported here, and nothing of this environment is imported by the project.
"""

import contextlib
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def mel(path, half):
    """Return the original's spectrogram, [frames, 96]; `half` casts to float16 as it does."""
    import librosa
    from musicnn import configuration as config

    audio, rate = librosa.load(path, sr=config.SR)
    power = librosa.feature.melspectrogram(
        y=audio, sr=rate, hop_length=config.FFT_HOP, n_fft=config.FFT_SIZE, n_mels=config.N_MELS
    ).T
    if half:
        power = power.astype(np.float16)
    return np.log10(10000 * power + 1)


class Original:
    """One network in a session of its own."""

    def __init__(self, name):
        import musicnn
        import tensorflow as tf
        from musicnn import configuration as config
        from musicnn import models

        tf.compat.v1.disable_eager_execution()
        graph = tf.Graph()
        with graph.as_default():
            threads = tf.compat.v1.ConfigProto(
                intra_op_parallelism_threads=int(sys.argv[1]), inter_op_parallelism_threads=1
            )
            self.session = tf.compat.v1.Session(config=threads)
            self.x = tf.compat.v1.placeholder(tf.float32, [None, 187, config.N_MELS])
            self.training = tf.compat.v1.placeholder(tf.bool)
            # Its variables have the names of the checkpoint only outside of any scope.
            logits, *_, mean, highest, penultimate = models.define_model(
                self.x, self.training, name, 50
            )
            self.outputs = [tf.nn.sigmoid(logits), penultimate, mean, highest]
            self.session.run(tf.compat.v1.global_variables_initializer())
            saver = tf.compat.v1.train.Saver()
            saver.restore(self.session, str(Path(musicnn.__file__).parent / name) + "/")

    def run(self, patches):
        """Return tags, penultimate layer, mean pools and maximum pools of [n, 187, 96]."""
        feed = {self.x: patches, self.training: False}
        return self.session.run(self.outputs, feed)


def main():
    """Serve requests from stdin until it ends."""
    warnings.simplefilter("ignore")
    answers = sys.stdout
    networks = {}
    for line in sys.stdin:
        request = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            # Time of the processor, so that what else the machine does changes little.
            began = time.process_time()
            if request["do"] == "mel":
                np.save(request["to"], mel(request["path"], request["half"]))
            else:
                name = request["name"]
                networks[name] = networks.get(name) or Original(name)
                patches = np.load(request["path"]).astype(np.float32)
                began = time.process_time()
                # One patch at a time, as its command does.
                parts = [networks[name].run(patch[None]) for patch in patches]
                arrays = [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
                keys = ("tags", "penultimate", "mean_pool", "max_pool")
                np.savez(request["to"], **dict(zip(keys, arrays, strict=True)))
            answer = {"seconds": time.process_time() - began}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
