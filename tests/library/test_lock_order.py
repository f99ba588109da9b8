"""Pairs of requests that met over one item in another order before, on Postgres."""

import asyncio

import pytest

from contracts.jobs import TaskName
from contracts.music import Stem
from tests.library.catalogue import Catalogue, separated, stems
from tests.library.test_runs import STEMS_THEN_MIDI


@pytest.mark.timeout(120)
async def test_a_result_and_a_request_for_its_item_do_not_wait_for_each_other(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    for number in range(6):
        song = await user.track(f"song {number}".encode() * 300)
        await user.post("/runs", {"item": song, "pipeline": STEMS_THEN_MIDI})
        claim = await catalogue.claim(TaskName.SEPARATION)
        job = {"item": song, "task": "midi", "force": True}
        answers = await asyncio.gather(
            catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.VOCALS)),
            *(user.http.post("/v1/jobs", json=job) for _ in range(4)),
            user.http.post("/v1/runs", json={"item": song, "pipeline": STEMS_THEN_MIDI}),
        )
        assert {answer.status_code for answer in answers[1:]} <= {200, 202}


@pytest.mark.timeout(120)
async def test_a_repeated_job_request_and_its_items_deletion_do_not_deadlock(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    for number in range(6):
        song = await user.track(f"song {number}".encode() * 300)
        job = await user.post("/jobs", {"item": song, "task": "midi"})
        await user.post(f"/jobs/{job['id']}/cancel")
        again, gone = await asyncio.gather(
            user.http.post(f"/v1/jobs/{job['id']}/retry"),
            user.http.delete(f"/v1/items/{song}?permanently=true"),
        )
        assert again.status_code in (202, 404)
        assert gone.status_code == 204
