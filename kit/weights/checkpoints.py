"""Safe readers of foreign checkpoints: arrays and plain values come out, no foreign code runs."""

from kit.weights.damage import CheckpointError
from kit.weights.tensorflow_bundle import read_tensorflow
from kit.weights.torch_archive import ClassName, TorchCheckpoint, read_torch

__all__ = ["CheckpointError", "ClassName", "TorchCheckpoint", "read_tensorflow", "read_torch"]
