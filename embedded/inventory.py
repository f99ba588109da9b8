"""The list of services that the embedded house runs, in the order in which they start."""

from gateway.service import SERVICE as GATEWAY
from kit.service import Service
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY
from services.midi.service import SERVICE as MIDI

SERVICES: tuple[Service, ...] = (LIBRARY, GATEWAY, INGEST, MIDI)
