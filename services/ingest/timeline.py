"""Where the sound of a file starts on its time line, and how gaps in it are kept.

Containers of pictures and sound give each packet a time. Sound may start later than the picture,
an edit list may delay it, and a cut may leave a gap: players play silence there, so silence is
what is stored. Times that run backwards move nothing: the sound goes on where it ended.
"""

import re
from dataclasses import dataclass

from contracts.music import Seconds

ABSOLUTE = ("mov", "matroska")
"""Demuxers whose time line starts at 0."""
TIMED = (*ABSOLUTE, "mpegts", "asf")
"""Demuxers with a time line. Those that are not absolute start at any time, so that their first
packet is what counts as 0."""
_LATEST: Seconds = 60.0
"""A file in which everything starts later than this was cut out of a longer stream, and keeps
that one's times: its own start is what counts."""
_SHORTEST_GAP: Seconds = 0.25
"""A shorter one is inaccuracy of the times, which tell milliseconds at best and drift."""

_START = re.compile(r"^\[info\]   ?Duration: [^\n]*?, start: (-?\d+\.\d+)", re.MULTILINE)
_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)$", re.MULTILINE)
_FRAME = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """The times of the first sound that comes out of a file."""

    listing: str
    """What the muxer `framecrc` wrote of it."""
    log: str

    def start(self, demuxer: str) -> Seconds:
        """Return where it starts on the file's time line; negative is before 0."""
        base, frame = _BASE.search(self.listing), _FRAME.search(self.listing)
        if base is None or frame is None or not int(base.group(2)):
            return 0.0
        first = int(frame.group(2)) * int(base.group(1)) / int(base.group(2))
        said = _START.search(self.log)
        earliest = float(said.group(1)) if said else 0.0
        if demuxer in ABSOLUTE and earliest <= _LATEST:
            return first
        # Without a picture there is nothing that the sound could be late for.
        return first - earliest + 0.0 if " Video: " in self.log else 0.0


# State of the expression: 0 is this frame's time, 1 how far all of them are moved, 2 where the
# frame before ended. A frame without a time follows the one before.
_FORWARDS = (
    "st(0,if(isnan(PTS),ld(2),PTS+ld(1)))*0+st(1,ld(1)+max(0,ld(2)-ld(0)))*0+"
    "st(0,max(ld(0),ld(2)))*0+st(2,ld(0)+NB_SAMPLES/(SR*TB))*0+ld(0)"
)
KEEP_GAPS = (
    f"asetpts='{_FORWARDS}',"
    f"aresample=async=1:min_comp={_SHORTEST_GAP}:min_hard_comp={_SHORTEST_GAP}"
)
"""The filter that plays silence in gaps of a time line."""
