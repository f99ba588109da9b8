"""Run the library."""

from kit.main import run
from services.library.service import SERVICE

run(SERVICE)
