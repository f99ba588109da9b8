"""Run the analysis service."""

from kit.main import run
from services.analysis.service import SERVICE

run(SERVICE)
