"""Errors of networks.

InferenceError
├── DeviceMissing   the device or the engine that was asked for is not on this machine
├── BadNetwork      the file is not a graph that the engine can run
├── BadInput        the arrays are not what the graph takes
└── DeviceOutOfMemory   the device has too little memory; a worker retries with less (R20)
"""


class InferenceError(Exception):
    """Base of what can go wrong with a network; the message says what to do."""


class DeviceMissing(InferenceError):
    """The device or the engine that was asked for is not on this machine."""


class BadNetwork(InferenceError):
    """The file is not a graph that the engine can run."""


class BadInput(InferenceError):
    """The arrays are not what the graph takes."""


class DeviceOutOfMemory(InferenceError):
    """The device has too little memory for this network or these arrays."""
