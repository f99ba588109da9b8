"""Networks: ONNX graphs as functions from named arrays to named arrays, on whatever runs here."""
