"""Run the transcribe service."""

from kit.main import run
from services.transcribe.service import SERVICE

run(SERVICE)
