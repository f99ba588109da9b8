"""The one place that runs `ffmpeg`: an upload in, a bounded stream of float32 blocks out."""

import re
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import imageio_ffmpeg
import numpy as np

from contracts.ingest import (
    MAX_CHANNELS,
    MAX_RATE,
    MAX_RATIO,
    MIN_RATE,
    RATIO_FREE,
    IngestParams,
    RejectionReason,
)
from contracts.music import Seconds
from kit.arrays import AudioBlock
from kit.worker.outcomes import Rejected
from services.ingest.sandbox import CPU_BASE, CPU_PER_SECOND, Confined, Order, Sandbox
from services.ingest.sniff import TAKEN, Sniffed
from services.ingest.timeline import KEEP_GAPS, TIMED, FirstFrame

_MAX_ALLOCATION = 256 << 20
_SLACK: Seconds = 2.0
"""Sound beyond the longest that is decoded, so that the bound is seen here."""
_SILENCE = 65_536
"""Samples in a block of the silence before late sound."""
_PCM = (
    *("s8", "u8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "s64le", "s64be"),
    *("u16le", "u16be", "u24le", "u24be", "u32le", "u32be", "f16le", "f24le"),
    *("f32le", "f32be", "f64le", "f64be", "mulaw", "alaw", "s16le_planar", "s24le_planar"),
)
_DECODERS = (
    *(f"pcm_{form}" for form in _PCM),
    *("mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1", "flac", "vorbis", "libvorbis"),
    *("opus", "libopus", "speex", "libspeex", "aac", "aac_fixed", "libfdk_aac", "alac"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "gsm", "gsm_ms", "mace3", "mace6"),
    *("ac3", "ac3_fixed", "eac3", "dca", "truehd", "wmav1", "wmav2", "wmapro", "wmalossless"),
    *("wavpack", "tta"),
)
"""Every decoder of the formats that are taken; pictures and video are never looked into."""

_MAPPED = re.compile(r"^\[info\]\s+Stream #0:\d+ -> #0:0 \((\S+)", re.MULTILINE)
_CODEC = re.compile(r"^\[info\]\s+Stream #0:\d+[^ ]*: Audio: ([\w.]+)", re.MULTILINE)
_DURATION = re.compile(r"^\[info\]   ?Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_GUESSED = "Estimating duration from bitrate"
_FORBIDDEN = "not on whitelist"
_FAULT = re.compile(rf"^(?:\[[^\]]+\] )*\[(?:error|fatal|panic)\](?!.*{_FORBIDDEN})", re.MULTILINE)
"""An error; that a picture is not decoded is none."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file and what it is opened as."""

    path: Path
    size: int
    sniffed: Sniffed


@dataclass(frozen=True, slots=True)
class DecoderReport:
    """What the decoder said of a file, once it has ended."""

    codec: str
    streams: int
    """Sound tracks."""
    stated_duration: Seconds | None
    """What the header says, when it is not a guess."""
    faults: int
    """Errors that were met; what could not be decoded is left out."""


def find_ffmpeg(prefer: str = "auto") -> Path:
    """Return the path of the decoder.

    Parameters
    ----------
    prefer
        `auto` is the one that the wheel `imageio-ffmpeg` carries, never one that merely happens to
        be installed: results depend on its version. `system` is the one on the path.

    Raises
    ------
    RuntimeError
        There is none, or nothing is known by that word.
    """
    if prefer not in ("auto", "system"):
        raise RuntimeError(f"INGEST_ENGINE is auto or system, not {prefer!r}")
    found = shutil.which("ffmpeg") if prefer == "system" else imageio_ffmpeg.get_ffmpeg_exe()
    if found is None:
        raise RuntimeError("INGEST_ENGINE is system, but no ffmpeg is installed on this system")
    return Path(found).resolve()


class Decoding:
    """One upload while it is decoded; a context manager.

    Parameters
    ----------
    program
        The path of `ffmpeg`.
    sandbox
        What it is confined with.
    upload
        What to decode: its first sound track.
    bounds
        What is refused, counted on what comes out and not on what a header says.
    folder
        A private, empty folder.

    Raises
    ------
    Rejected
        No sound comes out, or its rate or channels are out of range.
    """

    def __init__(
        self,
        program: Path,
        sandbox: Sandbox,
        *,
        upload: Upload,
        bounds: IngestParams,
        folder: Path,
    ) -> None:
        self._upload = upload
        self._bounds = bounds
        self.start = _start(program, sandbox, upload, folder)
        """Where the sound starts on the file's time line, in seconds; what is before 0 is left
        out, and silence stands before what is after it."""
        self._running = Confined(
            sandbox,
            Order(
                program=_command(program, upload, bounds),
                reads=[upload.path],
                folder=folder,
                cpu=(CPU_BASE, CPU_BASE + CPU_PER_SECOND * bounds.max_duration),
            ),
        )
        self._chunks = self._running.chunks()
        self._buffer = bytearray()
        self.samples = 0
        """Samples of each channel that were decoded so far."""
        try:
            self.sample_rate, self.channels, self.mask = self._header()
            self._check_promise()
        except BaseException:
            self._running.__exit__(None, None, None)
            raise

    @property
    def pid(self) -> int:
        """The decoder's process id."""
        return self._running.pid

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield the sound, `[channels, samples]`, while it stays within bounds.

        Raises
        ------
        Rejected
            A bound is passed, or the decoder crashed or stalled.
        """
        frame = 4 * self.channels
        offset = round(self.start * self.sample_rate)
        yield from self._silence(max(0, offset))
        early = max(0, -offset)
        while True:
            whole = len(self._buffer) // frame * frame
            if whole:
                interleaved = np.frombuffer(bytes(self._buffer[:whole]), "<f4")
                del self._buffer[:whole]
                self.samples += whole // frame
                self._check(max(0, offset) + self.samples)
                skipped = min(early, whole // frame)
                early -= skipped
                yield np.ascontiguousarray(interleaved.reshape(-1, self.channels)[skipped:].T)
            if not self._more():
                break

    def _silence(self, samples: int) -> Iterator[AudioBlock]:
        self._check(samples)
        for at in range(0, samples, _SILENCE):
            yield np.zeros((self.channels, min(_SILENCE, samples - at)), np.float32)

    def finish(self) -> DecoderReport:
        """Return what the decoder said, after the last block.

        Raises
        ------
        Rejected
            It crashed or was stopped by a limit.
        """
        code = self._running.finish()
        if code < 0:
            raise _killed(-code)
        log = self._running.log
        codec = _MAPPED.search(log)
        # Those of the input, without the one of the output.
        streams = max(1, len(_CODEC.findall(log)) - 1)
        return DecoderReport(
            codec.group(1) if codec else "unknown", streams, self._stated(), _faults(log)
        )

    def _stated(self) -> Seconds | None:
        """Return the duration that the header states, when it is not a guess."""
        frames = self._upload.sniffed.header.frames
        if frames is not None and frames < 1 << 48:
            return frames / self.sample_rate
        log = self._running.log
        duration = None if _GUESSED in log else _DURATION.search(log)
        if duration is None:
            return None
        hours, minutes, seconds = duration.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._buffer += chunk
        return True

    def _need(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._more():
                raise self._nothing()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _header(self) -> tuple[int, int, int]:
        """Read the stream's header: rate in Hz, channels, mask of their places."""
        magic = self._need(12)
        if magic[:4] != b"RIFF" or magic[8:] != b"WAVE":
            raise RuntimeError("the decoder's output is no WAV stream")
        rate = channels = mask = 0
        while True:
            name, size = struct.unpack("<4sI", self._need(8))
            if name == b"data":
                break
            body = self._need(size + (size & 1))
            if name == b"fmt ":
                channels, rate = struct.unpack_from("<HI", body, 2)
                mask = struct.unpack_from("<I", body, 20)[0] if len(body) >= 24 else 0
        if not 1 <= channels <= MAX_CHANNELS:
            raise Rejected(
                RejectionReason.CHANNELS,
                f"The file has {channels} channels; at most {MAX_CHANNELS} are taken. Export a "
                "stereo mix of it.",
            )
        if not MIN_RATE <= rate <= MAX_RATE:
            raise Rejected(
                RejectionReason.RATE,
                f"The file's sample rate is {rate} Hz; rates from {MIN_RATE} to {MAX_RATE} Hz "
                "are taken. Export it at 44100 or 48000 Hz.",
            )
        return rate, channels, mask

    def _check_promise(self) -> None:
        """Refuse what is beyond the bounds by its own header, before any of it is decoded."""
        stated = self._stated()
        if stated is not None and not self._upload.sniffed.may_hold_video:
            self._check_bounds(stated * self.sample_rate)

    def _check(self, samples: int) -> None:
        """Compare what came out with what may."""
        self._running.allow(samples / self.sample_rate)
        self._check_bounds(samples)

    def _check_bounds(self, samples: float) -> None:
        seconds, decoded = samples / self.sample_rate, samples * self.channels * 4
        if seconds > self._bounds.max_duration:
            raise Rejected(
                RejectionReason.TOO_LONG,
                f"The sound is longer than {_span(self._bounds.max_duration)}, the longest that is "
                "taken. Cut it into parts.",
            )
        if decoded > self._bounds.max_bytes:
            raise Rejected(
                RejectionReason.TOO_LARGE,
                f"Decoded, the sound takes more than {self._bounds.max_bytes >> 20} MiB. Upload "
                "fewer channels, a lower rate, or parts of it.",
            )
        if decoded > RATIO_FREE + MAX_RATIO * self._upload.size:
            raise Rejected(
                RejectionReason.TOO_DENSE,
                f"The file unpacks to more than {MAX_RATIO} times its size, as only endless "
                "silence does. Cut the silence and upload it again.",
            )

    def _nothing(self) -> Rejected:
        """Return why no sound came out at all."""
        code = self._running.finish()
        log = self._running.log
        if code < 0:
            return _killed(-code)
        if "matches no streams" in log or "does not contain any stream" in log:
            return Rejected(
                RejectionReason.NO_AUDIO,
                f"This {self._upload.sniffed.container} file has no sound track.",
            )
        if _FORBIDDEN in log or "Decoder not found" in log or "Unknown decoder" in log:
            return Rejected(
                RejectionReason.UNSUPPORTED,
                f"The sound in this {self._upload.sniffed.container} file is coded in a way that "
                f"is not supported. Export it as WAV or FLAC. Supported formats: {TAKEN}.",
            )
        if code == 0:
            return nothing_heard()
        return Rejected(
            RejectionReason.DAMAGED,
            f"The file begins like {self._upload.sniffed.container}, but cannot be decoded: it is "
            "damaged or incomplete. Export or copy it again.",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, trace)


def nothing_heard(seconds: Seconds = 0.0) -> Rejected:
    """Return the refusal of a file that has no sound, or next to none."""
    if seconds == 0:
        return Rejected(RejectionReason.EMPTY, "The file ends after 0.0 s of sound.")
    return Rejected(
        RejectionReason.TOO_SHORT,
        f"The file ends after {seconds * 1000:.1f} ms of sound, which is too short to be heard.",
    )


def _killed(number: int) -> Rejected:
    """Return what a signal that ended the decoder says of the file."""
    if number in (9, 24):
        return Rejected(
            RejectionReason.TIMEOUT,
            "Decoding this file took more time or memory than any honest file does. Export it "
            "again, as WAV or FLAC.",
        )
    return Rejected(
        RejectionReason.CRASH,
        "This file made the decoder crash, so it is damaged or hostile. Export it again, as WAV "
        "or FLAC.",
    )


def _faults(log: str) -> int:
    return len(_FAULT.findall(log))


def _span(seconds: Seconds) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds / 60:g} minutes"


def _start(program: Path, sandbox: Sandbox, upload: Upload, folder: Path) -> Seconds:
    """Return where the sound starts on its file's time line; 0 where there is none."""
    if upload.sniffed.demuxer not in TIMED:
        return 0.0
    command = [
        *_opening(program, upload, "-copyts"),
        *("-frames:a", "1", "-c:a", "pcm_f32le", "-f", "framecrc", "pipe:1"),
    ]
    order = Order(program=command, reads=[upload.path], folder=folder)
    with Confined(sandbox, order) as running:
        said = b"".join(running.chunks())
        # Why a file has no first frame is told when it is decoded.
        running.finish()
        listing = said.decode(errors="replace")
        return FirstFrame(listing, running.log).start(upload.sniffed.demuxer)


def _opening(program: Path, upload: Upload, *options: str) -> list[str]:
    """Return the program and the arguments that open an upload's first sound track."""
    sniffed = upload.sniffed
    address = f"file:{upload.path}"
    if sniffed.part is not None:
        start, end = sniffed.part
        address = f"subfile,,start,{start},end,{end},,:{upload.path}"
    return [
        str(program),
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"),
        *("-max_alloc", str(_MAX_ALLOCATION), "-threads", "1", "-filter_threads", "1"),
        *("-protocol_whitelist", "file,pipe,subfile", "-format_whitelist", sniffed.demuxer),
        *("-codec_whitelist", ",".join(_DECODERS), "-max_streams", "64"),
        # Channels of unknown place stay so: a guess would drop some and move others.
        *("-guess_layout_max", "0", *options),
        *(("-c:a", sniffed.header.decoder) if sniffed.header.decoder else ()),
        *("-f", sniffed.demuxer, "-i", address),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
    ]


def _command(program: Path, upload: Upload, bounds: IngestParams) -> list[str]:
    return [
        *_opening(program, upload),
        *("-t", f"{bounds.max_duration + _SLACK:.3f}", "-threads", "1"),
        *(("-af", KEEP_GAPS) if upload.sniffed.demuxer in TIMED else ()),
        *("-c:a", "pcm_f32le", "-fflags", "+bitexact", "-flags", "+bitexact"),
        *("-f", "wav", "pipe:1"),
    ]
