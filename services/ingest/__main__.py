"""Run the ingest service."""

from kit.main import run
from services.ingest.service import SERVICE

if __name__ == "__main__":
    run(SERVICE)
