"""One trace from an upload's request through library, bus, worker and store, and back."""

from pathlib import Path

import pytest

from tests.support.running_server import RunningServer, embedded_server, running
from tests.support.sounds import write_tone
from tests.support.trace_collector import SeenSpan, TraceCollector, trace_collector

pytestmark = [pytest.mark.timeout(180)]

COMPLETE = "POST /uploads/{upload}/complete"
EXPECTED = {
    COMPLETE,
    "publish ingest.requested",
    "run ingest",
    "store get",
    "store put",
    "publish job.completed",
    "process job.completed",
    "publish item.added",
}


def uploads_trace(server: RunningServer, collector: TraceCollector, folder: Path) -> list[SeenSpan]:
    """Upload a sound, and return the spans of the request that completed the upload."""
    name = "a name that stays private.wav"
    user = server.user()
    sent = user.uploads.file(write_tone(folder / name, seconds=1.0, frequency=220.0))
    user.jobs.wait(str(sent.job))

    def of_upload(spans: list[SeenSpan]) -> list[SeenSpan]:
        jobs = (span for span in spans if span.attributes.get("cratedig.job") == sent.job)
        trace = next((span.trace for span in jobs), "")
        return [span for span in spans if span.trace == trace]

    spans = of_upload(
        collector.until(lambda spans: {span.name for span in of_upload(spans)} >= EXPECTED)
    )
    by_id = {span.id: span for span in spans}
    # The gateway's, which forwards without knowing the library's routes.
    assert [span.name for span in spans if not span.parent] == ["POST"]
    (run,) = (span for span in spans if span.name == "run ingest")
    assert run.attributes["cratedig.job"] == sent.job
    assert run.attributes["cratedig.outcome"] == "reported"
    assert by_id[run.parent].name == COMPLETE
    puts = [span for span in spans if span.name == "store put"]
    # Tagging, which follows, stores what it finds as well, sooner or later.
    assert {by_id[span.parent].name for span in puts} - {"run tagging"} == {"run ingest"}
    assert "private" not in repr(collector.spans)
    assert not any("/internal/" in span.name or "/readyz" in span.name for span in collector.spans)
    return spans


def test_one_trace_holds_the_whole_work_on_an_upload(tmp_path: Path) -> None:
    with (
        trace_collector() as collector,
        running(embedded_server(tmp_path, extra=collector.settings)) as server,
    ):
        spans = uploads_trace(server, collector, tmp_path)
    assert {span.service for span in spans} == {"cratedig"}
