"""One trace through processes, Kafka and the S3 store."""

from pathlib import Path

import pytest

from tests.support.running_server import cluster_server, running
from tests.support.trace_collector import trace_collector
from tests.system.test_traces import settings, uploads_trace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def test_one_trace_goes_through_every_service(servers: dict[str, str], tmp_path: Path) -> None:
    with trace_collector() as collector:
        started = cluster_server(tmp_path, servers, words=("ingest",), extra=settings(collector))
        with running(started) as server:
            spans = uploads_trace(server, collector, tmp_path)
    services = {span.service for span in spans}
    assert services == {"cratedig-gateway", "cratedig-library", "cratedig-ingest"}
