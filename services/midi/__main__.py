"""Run the midi service."""

from kit.main import run
from services.midi.service import SERVICE

if __name__ == "__main__":
    run(SERVICE)
