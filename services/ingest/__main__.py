"""Run the ingest service."""

from kit.main import run
from services.ingest.service import SERVICE

run(SERVICE)
