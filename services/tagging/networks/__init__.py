"""Builders of ONNX graphs from foreign checkpoints; no framework is needed to run them."""
