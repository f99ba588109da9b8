"""Run `ffmpeg` on an upload, and yield a bounded stream of float32 blocks."""

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
from services.ingest.sniff import SUPPORTED_FORMATS, Sniffed
from services.ingest.timeline import KEEP_GAPS, TIMED, FirstFrame

_MAX_ALLOCATION = 256 << 20
_SLACK: Seconds = 2.0
"""Seconds decoded beyond the maximum duration, so that exceeding it is detected here."""
_SILENCE = 65_536
"""Samples in a block of the silence before a delayed start."""
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
"""Decoders of the supported formats; pictures and video are never decoded."""

_MAPPED = re.compile(r"^\[info\]\s+Stream #0:\d+ -> #0:0 \((\S+)", re.MULTILINE)
_CODEC = re.compile(r"^\[info\]\s+Stream #0:\d+[^ ]*: Audio: ([\w.]+)", re.MULTILINE)
_DURATION = re.compile(r"^\[info\]   ?Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_GUESSED = "Estimating duration from bitrate"
_FORBIDDEN = "not on whitelist"
_FAULT = re.compile(rf"^(?:\[[^\]]+\] )*\[(?:error|fatal|panic)\](?!.*{_FORBIDDEN})", re.MULTILINE)
"""A decoding error, except for pictures, which are not decoded on purpose."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file and its detected format."""

    path: Path
    size: int
    sniffed: Sniffed


@dataclass(frozen=True, slots=True)
class DecoderReport:
    """The decoder's report on a file, after it has ended."""

    codec: str
    streams: int
    """Number of audio tracks."""
    stated_duration: Seconds | None
    """Duration stated in the header; `None` if it is only an estimate."""
    faults: int
    """Number of decoding errors; undecodable parts are left out."""


def find_ffmpeg(prefer: str = "auto") -> Path:
    """Return the path of the decoder.

    Parameters
    ----------
    prefer
        `auto` is the one in the wheel `imageio-ffmpeg`, never another installed one, because
        results depend on its version. `system` is the one on the path.

    Raises
    ------
    RuntimeError
        It is not installed, or `prefer` is another word.
    """
    if prefer not in ("auto", "system"):
        raise RuntimeError(f"INGEST_ENGINE must be auto or system, not {prefer!r}")
    program = shutil.which("ffmpeg") if prefer == "system" else imageio_ffmpeg.get_ffmpeg_exe()
    if program is None:
        raise RuntimeError(
            "INGEST_ENGINE is system, but no ffmpeg is on the path. Install it, or set auto."
        )
    return Path(program).resolve()


class Decoding:
    """Decodes one upload; a context manager.

    Parameters
    ----------
    program
        The path of `ffmpeg`.
    sandbox
        The sandbox of the decoder.
    upload
        The upload; its first audio track is decoded.
    bounds
        Limits, checked on the decoded audio and not only on the header.
    folder
        A private, empty folder.

    Raises
    ------
    Rejected
        There is no audio, or its rate or channels are out of range.
    """

    def __init__(
        self,
        program: Path,
        sandbox: Sandbox,
        *,
        upload: UploadedFile,
        bounds: IngestParams,
        folder: Path,
    ) -> None:
        self._upload = upload
        self._bounds = bounds
        self.start = _start(program, sandbox, upload, folder)
        """Start of the audio on the file's time line, in seconds: audio before 0 is dropped, a
        start after 0 is padded with silence."""
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
        """Samples of each channel decoded so far."""
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
        """Yield the audio, `[channels, samples]`, while it stays within bounds.

        Raises
        ------
        Rejected
            A limit is exceeded, or the decoder crashed or stalled.
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
        """Return the decoder's report, after the last block.

        Raises
        ------
        Rejected
            The decoder crashed or hit a resource limit.
        """
        code = self._running.finish()
        if code < 0:
            raise _killed(-code)
        log = self._running.log
        codec = _MAPPED.search(log)
        # The log lists the streams of the input and the one of the output.
        streams = max(1, len(_CODEC.findall(log)) - 1)
        return DecoderReport(
            codec.group(1) if codec else "unknown", streams, self._stated(), _faults(log)
        )

    def _stated(self) -> Seconds | None:
        """Return the duration that the header states, unless it is an estimate."""
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
        """Read the stream's header: rate in Hz, channels, speaker mask."""
        magic = self._need(12)
        if magic[:4] != b"RIFF" or magic[8:] != b"WAVE":
            raise RuntimeError("the decoder's output is not a WAV stream")
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
                f"The file has {channels} channels, but at most {MAX_CHANNELS} are supported. "
                "Export a stereo mix of it.",
            )
        if not MIN_RATE <= rate <= MAX_RATE:
            raise Rejected(
                RejectionReason.RATE,
                f"The file's sample rate is {rate} Hz; supported are {MIN_RATE} to {MAX_RATE} "
                "Hz. Export it at 44100 or 48000 Hz.",
            )
        return rate, channels, mask

    def _check_promise(self) -> None:
        """Reject an upload whose header states more than the limits, before decoding it."""
        stated = self._stated()
        if stated is not None and not self._upload.sniffed.may_hold_video:
            self._check_bounds(stated * self.sample_rate)

    def _check(self, samples: int) -> None:
        """Check the decoded audio against the limits."""
        self._running.allow(samples / self.sample_rate)
        self._check_bounds(samples)

    def _check_bounds(self, samples: float) -> None:
        seconds, decoded = samples / self.sample_rate, samples * self.channels * 4
        if seconds > self._bounds.max_duration:
            raise Rejected(
                RejectionReason.TOO_LONG,
                f"The audio is longer than the maximum of {_span(self._bounds.max_duration)}. "
                "Split it into parts and upload them separately.",
            )
        if decoded > self._bounds.max_bytes:
            raise Rejected(
                RejectionReason.TOO_LARGE,
                f"The decoded audio exceeds the maximum of {self._bounds.max_bytes >> 20} MiB. "
                "Export it with fewer channels or a lower sample rate, or split it into parts.",
            )
        if decoded > RATIO_FREE + MAX_RATIO * self._upload.size:
            raise Rejected(
                RejectionReason.TOO_DENSE,
                f"The decoded audio is more than {MAX_RATIO} times as large as the file, as only "
                "very long silence is. Remove the silence and upload it again.",
            )

    def _nothing(self) -> Rejected:
        """Return the reason why there is no audio at all."""
        code = self._running.finish()
        log = self._running.log
        if code < 0:
            return _killed(-code)
        if "matches no streams" in log or "does not contain any stream" in log:
            return Rejected(
                RejectionReason.NO_AUDIO,
                f"This {self._upload.sniffed.container} file has no audio track. Upload a file "
                "with audio.",
            )
        if _FORBIDDEN in log or "Decoder not found" in log or "Unknown decoder" in log:
            return Rejected(
                RejectionReason.UNSUPPORTED,
                f"The audio codec of this {self._upload.sniffed.container} file is not supported. "
                f"Export it as WAV or FLAC. Supported formats: {SUPPORTED_FORMATS}.",
            )
        if code == 0:
            return no_sound()
        return Rejected(
            RejectionReason.DAMAGED,
            f"The file looks like {self._upload.sniffed.container}, but cannot be decoded: it is "
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


def no_sound(seconds: Seconds = 0.0) -> Rejected:
    """Return the rejection of a file that has no audio, or almost none."""
    if seconds == 0:
        return Rejected(
            RejectionReason.EMPTY, "The file ends after 0.0 s of audio. Export it again."
        )
    return Rejected(
        RejectionReason.TOO_SHORT,
        f"The file ends after {seconds * 1000:.1f} ms of audio, which is too short. Upload a "
        "longer file.",
    )


def _killed(number: int) -> Rejected:
    """Return the rejection of a file whose decoder was ended by a signal."""
    if number in (9, 24):
        return Rejected(
            RejectionReason.TIMEOUT,
            "Decoding this file exceeded the limits of time or memory, so it is probably damaged. "
            "Export it again, as WAV or FLAC.",
        )
    return Rejected(
        RejectionReason.CRASH,
        "The decoder crashed on this file, so it is damaged or malicious. Export it again, as "
        "WAV or FLAC.",
    )


def _faults(log: str) -> int:
    return len(_FAULT.findall(log))


def _span(seconds: Seconds) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds / 60:g} minutes"


def _start(program: Path, sandbox: Sandbox, upload: UploadedFile, folder: Path) -> Seconds:
    """Return the start of the audio on its file's time line; 0 if it has none."""
    if upload.sniffed.demuxer not in TIMED:
        return 0.0
    command = [
        *_opening(program, upload, "-copyts"),
        *("-frames:a", "1", "-c:a", "pcm_f32le", "-f", "framecrc", "pipe:1"),
    ]
    order = Order(program=command, reads=[upload.path], folder=folder)
    with Confined(sandbox, order) as running:
        output = b"".join(running.chunks())
        # If there is no first frame, decoding reports the reason.
        running.finish()
        listing = output.decode(errors="replace")
        return FirstFrame(listing, running.log).start(upload.sniffed.demuxer)


def _opening(program: Path, upload: UploadedFile, *options: str) -> list[str]:
    """Return the program and the arguments that open an upload's first audio track."""
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
        # Do not guess unknown channel layouts: a guess would drop some channels and move others.
        *("-guess_layout_max", "0", *options),
        *(("-c:a", sniffed.header.decoder) if sniffed.header.decoder else ()),
        *("-f", sniffed.demuxer, "-i", address),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
    ]


def _command(program: Path, upload: UploadedFile, bounds: IngestParams) -> list[str]:
    return [
        *_opening(program, upload),
        *("-t", f"{bounds.max_duration + _SLACK:.3f}", "-threads", "1"),
        *(("-af", KEEP_GAPS) if upload.sniffed.demuxer in TIMED else ()),
        *("-c:a", "pcm_f32le", "-fflags", "+bitexact", "-flags", "+bitexact"),
        *("-f", "wav", "pipe:1"),
    ]
