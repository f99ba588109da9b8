"""Run ONNX networks as functions from named arrays to named arrays, on ONNX Runtime or OpenVINO.

`lstm` is a layer for networks that run in numpy.
"""
