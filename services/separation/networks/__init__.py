"""Convert published checkpoints to ONNX graphs, without their frameworks."""
