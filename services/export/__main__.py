"""Run the export service."""

from kit.main import run
from services.export.service import SERVICE

run(SERVICE)
