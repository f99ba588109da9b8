"""Safe readers of PyTorch and TensorFlow checkpoints, which run no code from them."""

from kit.weights.damage import CheckpointError
from kit.weights.tensorflow_bundle import read_tensorflow
from kit.weights.torch_archive import ClassName, TorchCheckpoint, read_torch

__all__ = ["CheckpointError", "ClassName", "TorchCheckpoint", "read_tensorflow", "read_torch"]
