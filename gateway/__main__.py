"""Run the gateway alone."""

from gateway.service import SERVICE
from kit.main import run

run(SERVICE)
