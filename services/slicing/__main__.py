"""Run the slicing service."""

from kit.main import run
from services.slicing.service import SERVICE

if __name__ == "__main__":
    run(SERVICE)
