"""Errors of networks.

InferenceError
├── DeviceMissing       the requested device or engine is not on this machine
├── BadNetwork          the file is not a graph that the engine can run
├── BadInput            the arrays do not match the graph's inputs
└── DeviceOutOfMemory   the device has too little memory; a worker retries with less (R20)
"""


class InferenceError(Exception):
    """Base of errors of networks; the message says what to do."""


class DeviceMissing(InferenceError):
    """The requested device or engine is not on this machine."""


class BadNetwork(InferenceError):
    """The file is not a graph that the engine can run."""


class BadInput(InferenceError):
    """The arrays do not match the graph's inputs."""


class DeviceOutOfMemory(InferenceError):
    """The device has too little memory for this network or these arrays."""
