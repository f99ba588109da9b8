"""Run the slicing service."""

from kit.main import run
from services.slicing.service import SERVICE

run(SERVICE)
