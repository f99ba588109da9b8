"""The start of a file's audio on its time line, and gaps in it.

Video containers give each packet a time stamp. Audio may start later than the video, an edit list
may delay it, and a cut may leave a gap: players play silence there, so silence is stored. If time
stamps run backwards, the audio continues without a gap.
"""

import re
from dataclasses import dataclass

from contracts.music import Seconds

ABSOLUTE = ("mov", "matroska")
"""Demuxers whose time line starts at 0."""
TIMED = (*ABSOLUTE, "mpegts", "asf")
"""Demuxers with a time line. Those that are not absolute start at any time, so their first packet
counts as 0."""
_LATEST: Seconds = 60.0
"""A file that starts later than this was cut out of a longer stream and kept its times, so its own
start counts as 0."""
_SHORTEST_GAP: Seconds = 0.25
"""A shorter gap is inaccuracy of the time stamps, which have milliseconds at best and drift."""

_START = re.compile(r"^\[info\]   ?Duration: [^\n]*?, start: (-?\d+\.\d+)", re.MULTILINE)
_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)$", re.MULTILINE)
_FRAME = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """The time stamps of a file's first audio frame."""

    listing: str
    """Output of the muxer `framecrc`."""
    log: str

    def start(self, demuxer: str) -> Seconds:
        """Return its position on the file's time line in seconds; negative before 0."""
        base, frame = _BASE.search(self.listing), _FRAME.search(self.listing)
        if base is None or frame is None or not int(base.group(2)):
            return 0.0
        first = int(frame.group(2)) * int(base.group(1)) / int(base.group(2))
        stated = _START.search(self.log)
        earliest = float(stated.group(1)) if stated else 0.0
        if demuxer in ABSOLUTE and earliest <= _LATEST:
            return first
        # Without video, the audio cannot be delayed relative to it.
        return first - earliest + 0.0 if " Video: " in self.log else 0.0


# Variables of the expression: 0 is this frame's time, 1 the accumulated shift, 2 the end of the
# previous frame. A frame without a time follows the previous one.
_FORWARDS = (
    "st(0,if(isnan(PTS),ld(2),PTS+ld(1)))*0+st(1,ld(1)+max(0,ld(2)-ld(0)))*0+"
    "st(0,max(ld(0),ld(2)))*0+st(2,ld(0)+NB_SAMPLES/(SR*TB))*0+ld(0)"
)
KEEP_GAPS = (
    f"asetpts='{_FORWARDS}',"
    f"aresample=async=1:min_comp={_SHORTEST_GAP}:min_hard_comp={_SHORTEST_GAP}"
)
"""Filter that fills gaps of a time line with silence."""
