"""What libsndfile reads of a file besides its audio: tempo, instrument and cue points.

The Python package `soundfile` ships libsndfile but has no functions for these.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import _soundfile_data

_READ = 0x10
_GET_CUE, _GET_INSTRUMENT, _GET_LOOP_INFO = 0x10CE, 0x10D0, 0x10E0
_MAX_CUES, _MAX_LOOPS = 100, 16
FORWARD = 801
"""`SF_LOOP_FORWARD`."""


class _Info(ctypes.Structure):
    _fields_ = (
        ("frames", ctypes.c_int64),
        ("samplerate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    )


class _Loop(ctypes.Structure):
    _fields_ = (
        ("mode", ctypes.c_int),
        ("start", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
    )


class _Instrument(ctypes.Structure):
    _fields_ = (
        ("gain", ctypes.c_int),
        ("basenote", ctypes.c_byte),
        ("detune", ctypes.c_byte),
        ("velocity_lo", ctypes.c_byte),
        ("velocity_hi", ctypes.c_byte),
        ("key_lo", ctypes.c_byte),
        ("key_hi", ctypes.c_byte),
        ("loop_count", ctypes.c_int),
        ("loops", _Loop * _MAX_LOOPS),
    )


class _LoopInfo(ctypes.Structure):
    _fields_ = (
        ("time_sig_num", ctypes.c_short),
        ("time_sig_den", ctypes.c_short),
        ("loop_mode", ctypes.c_int),
        ("num_beats", ctypes.c_int),
        ("bpm", ctypes.c_float),
        ("root_key", ctypes.c_int),
        ("future", ctypes.c_int * 6),
    )


class _Cue(ctypes.Structure):
    _fields_ = (
        ("indx", ctypes.c_int32),
        ("position", ctypes.c_uint32),
        ("fcc_chunk", ctypes.c_int32),
        ("chunk_start", ctypes.c_int32),
        ("block_start", ctypes.c_int32),
        ("sample_offset", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
    )


class _Cues(ctypes.Structure):
    _fields_ = (("count", ctypes.c_uint32), ("points", _Cue * _MAX_CUES))


@dataclass(frozen=True, slots=True)
class FileChunks:
    """What libsndfile reads; `None` or empty if the file has no such chunk."""

    meter: tuple[int, int] | None = None
    beats: int | None = None
    bpm: float | None = None
    loop_mode: int | None = None
    root: int | None = None
    """Root note of `acid`; -1 if it has none."""
    base_note: int | None = None
    """Root note of `smpl` or `INST`."""
    detune: int | None = None
    loops: tuple[tuple[int, int, int], ...] = ()
    """Mode, start and end."""
    cues: tuple[tuple[int, str], ...] = ()
    """Sample and name."""


def read_chunks(path: Path) -> FileChunks:
    """Open a file with libsndfile and return what its chunks say."""
    library = _library()
    info = _Info()
    handle = library.sf_open(str(path).encode(), _READ, ctypes.byref(info))
    assert handle, library.sf_strerror(None)
    try:
        fields: dict[str, Any] = {}
        tempo, instrument, cues = _LoopInfo(), _Instrument(), _Cues()
        if _command(library, handle, _GET_LOOP_INFO, tempo):
            fields |= {
                "meter": (tempo.time_sig_num, tempo.time_sig_den),
                "beats": tempo.num_beats,
                "bpm": tempo.bpm,
                "loop_mode": tempo.loop_mode,
                "root": tempo.root_key,
            }
        if _command(library, handle, _GET_INSTRUMENT, instrument):
            loops = instrument.loops[: instrument.loop_count]
            fields |= {
                "base_note": instrument.basenote,
                "detune": instrument.detune,
                "loops": tuple((loop.mode, loop.start, loop.end) for loop in loops),
            }
        if _command(library, handle, _GET_CUE, cues):
            points = cues.points[: cues.count]
            fields["cues"] = tuple((cue.sample_offset, cue.name.decode()) for cue in points)
        return FileChunks(**fields)
    finally:
        library.sf_close(handle)


def _command(library: Any, handle: int, command: int, target: ctypes.Structure) -> bool:
    return bool(library.sf_command(handle, command, ctypes.byref(target), ctypes.sizeof(target)))


@cache
def _library() -> Any:
    folder = Path(_soundfile_data.__file__).parent
    library = ctypes.CDLL(str(next(folder.glob("libsndfile*"))))
    library.sf_open.restype = ctypes.c_void_p
    library.sf_open.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
    library.sf_close.argtypes = (ctypes.c_void_p,)
    library.sf_strerror.restype = ctypes.c_char_p
    library.sf_strerror.argtypes = (ctypes.c_void_p,)
    library.sf_command.argtypes = (
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_int,
    )
    return library
