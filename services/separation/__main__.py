"""`python -m services.separation` runs the service alone."""

from kit.main import run
from services.separation.service import SERVICE

run(SERVICE)
