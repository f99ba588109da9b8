"""Small waveforms of items, as rows of a list show them."""

from typing import Annotated

from pydantic import Field

from contracts.base import Message, StrictModel, pattern_string
from contracts.ids import ItemId

WAVEFORM_COLUMNS = 150
MAX_WAVEFORMS = 200

WaveformData = Annotated[
    str,
    pattern_string(r"^[A-Za-z0-9+/]{400}$", "a waveform is 300 bytes in Base64"),
]
"""The waveform of a whole file: 300 bytes in Base64.

For each of 150 equal parts of the audio, in order, the peak and then the RMS over all channels, one
byte each. The byte `b` stands for the amplitude `(b / 255)²`, where 1 is full scale: 0 is silence,
and −40 dBFS, which a linear byte would hold in 3 steps, is 26.
"""


class WaveformRequest(StrictModel):
    """Request body for the waveforms of several items."""

    items: Annotated[tuple[ItemId, ...], Field(min_length=1, max_length=MAX_WAVEFORMS)]


class Waveforms(Message):
    """The waveforms of items, by item.

    An item is absent if it does not exist, belongs to somebody else, is not ready yet, or was
    stored before the server kept waveforms.
    """

    columns: int = WAVEFORM_COLUMNS
    """Parts of the audio in each waveform."""
    items: dict[ItemId, WaveformData]
