"""One trace through processes, Kafka and the S3 store."""

from pathlib import Path

import pytest

from tests.support.running_server import RunningServer
from tests.support.trace_collector import TraceCollector
from tests.system.test_traces import uploads_trace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def test_one_trace_goes_through_every_service(
    server: RunningServer, traces: TraceCollector, tmp_path: Path
) -> None:
    spans = uploads_trace(server, traces, tmp_path)
    services = {span.service for span in spans}
    assert services >= {"cratedig-gateway", "cratedig-library", "cratedig-ingest"}
