"""Run the analysis service."""

from kit.main import run
from services.analysis.service import SERVICE

if __name__ == "__main__":
    run(SERVICE)
