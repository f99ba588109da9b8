"""The list of services that the embedded server runs, in the order in which they start."""

from gateway.service import SERVICE as GATEWAY
from kit.service import Service
from services.analysis.service import SERVICE as ANALYSIS
from services.export.service import SERVICE as EXPORT
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY
from services.midi.service import SERVICE as MIDI
from services.separation.service import SERVICE as SEPARATION
from services.slicing.service import SERVICE as SLICING
from services.tagging.service import SERVICE as TAGGING
from services.transcribe.service import SERVICE as TRANSCRIBE

SERVICES: tuple[Service, ...] = (
    LIBRARY,
    GATEWAY,
    INGEST,
    SEPARATION,
    SLICING,
    TAGGING,
    ANALYSIS,
    MIDI,
    TRANSCRIBE,
    EXPORT,
)
