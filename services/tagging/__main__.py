"""Run the tagging service."""

from kit.main import run
from services.tagging.service import SERVICE

run(SERVICE)
