"""Run the midi service."""

from kit.main import run
from services.midi.service import SERVICE

run(SERVICE)
