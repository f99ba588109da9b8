"""CRC-32C (Castagnoli), the checksum of LevelDB tables and TensorFlow checkpoints, in numpy."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_LANES = 1 << 13
_MASK_DELTA = 0xA282EAD8


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint32]:
    rows = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        rows = np.where(rows & 1, (rows >> 1) ^ np.uint32(_POLYNOMIAL), rows >> 1)
    return rows.astype(np.uint32)


def _apply(operator: NDArray[np.uint32], values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Multiply a 32 x 32 matrix over GF(2), one column per bit, with each value."""
    result = np.zeros_like(values)
    for bit in range(32):
        result ^= np.where((values >> np.uint32(bit)) & 1, operator[bit], np.uint32(0))
    return result


def _zeros_operator(length: int) -> NDArray[np.uint32]:
    """Return the matrix that moves a checksum past `length` zero bytes."""
    table = _table()
    unit = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    result = unit.copy()
    power = table[unit & 0xFF] ^ (unit >> np.uint32(8))  # One zero byte.
    while length:
        if length & 1:
            result = _apply(power, result)
        power = _apply(power, power)
        length >>= 1
    return result


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`.

    The bytes are split into equal lanes that advance together, and the lanes' checksums are joined
    by the linearity of the code, which makes it some hundred times faster than a loop over bytes.
    """
    octets = np.frombuffer(data, dtype=np.uint8)
    table = _table()
    per_lane = octets.size // _LANES
    state = np.uint32(0xFFFFFFFF)
    if per_lane:
        head, octets = octets[: per_lane * _LANES], octets[per_lane * _LANES :]
        lanes = np.ascontiguousarray(head.reshape(_LANES, per_lane).T)
        sums = np.zeros(_LANES, dtype=np.uint32)
        sums[0] = state
        for column in lanes:
            sums = table[(sums ^ column) & 0xFF] ^ (sums >> np.uint32(8))
        operator = _zeros_operator(per_lane)
        while sums.size > 1:
            sums = _apply(operator, sums[0::2]) ^ sums[1::2]
            operator = _apply(operator, operator)
        state = sums[0]
    value = int(state)
    steps: list[int] = table.tolist()
    for octet in octets.tolist():
        value = steps[(value ^ octet) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """Mask a checksum as LevelDB stores it next to the data that it covers."""
    return (((checksum >> 15) | (checksum << 17)) + _MASK_DELTA) & 0xFFFFFFFF
