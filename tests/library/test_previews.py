"""What can be heard of a running job: by its owner, by name, until it ends (R13)."""

from sqlalchemy import select

from contracts.ids import JobId, WorkerId
from contracts.jobs import Claim, ClaimRequest, Heartbeat, Progress, TaskName
from contracts.music import Stem
from contracts.objects import Bucket, previews_prefix
from kit.clock import new_id
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.jobs import claims
from services.library.jobs.tables import GarbageRow
from services.library.jobs.transitions import PREVIEWS_GARBAGE_AFTER
from tests.library.catalogue import UNKNOWN, Catalogue, producer_of, separated, stems
from tests.library.test_items import sweep

NAME = "vocals-000.flac"


async def running(catalogue: Catalogue) -> tuple[Claim, WorkerId]:
    """Have a worker take the next separation."""
    worker = WorkerId(new_id())
    task = TaskName.SEPARATION
    request = ClaimRequest(task=task, worker=worker, producer=producer_of(task))
    async with catalogue.database.transaction() as session:
        claimed = await claims.claim(
            session, request, policy=catalogue.server.policy, subjects=ITEM_SUBJECTS
        )
    assert claimed
    return claimed[0], worker


async def store_preview(catalogue: Catalogue, claim: Claim, worker: WorkerId) -> str:
    """Store a preview as a worker does, tell of it, and return its key."""
    prefix = previews_prefix(claim.owner, claim.subject, claim.task, claim.job, claim.epoch)
    key = prefix + NAME
    await catalogue.objects.put_bytes(Bucket.DERIVED, key, b"la", media_type="audio/flac")
    beat = Heartbeat(
        worker=worker, epoch=claim.epoch, progress=Progress(fraction=0.5, previews=(NAME,))
    )
    async with catalogue.database.transaction() as session:
        await claims.heartbeat(session, JobId(claim.job), beat, policy=catalogue.server.policy)
    return key


async def test_previews_are_served_to_their_owner_until_the_job_ends(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    song = await user.track()
    job = await user.post("/jobs", {"item": song, "task": "separation"})
    claim, worker = await running(catalogue)
    path = f"/jobs/{job['id']}/previews/{NAME}"
    assert (await user.http.get(f"/v1{path}")).status_code == 404
    key = await store_preview(catalogue, claim, worker)
    url = (await user.get(path))["url"]
    answer = await user.store().get(url)
    assert (answer.status_code, answer.content) == (200, b"la")
    assert answer.headers["Content-Type"] == "audio/flac"
    assert (await user.get(f"/jobs/{job['id']}"))["progress"]["previews"] == [NAME]
    for other in ("drums-000.flac", "manifest.json"):
        refused = await user.http.get(f"/v1/jobs/{job['id']}/previews/{other}")
        assert refused.status_code == 404
    assert (await catalogue.user().http.get(f"/v1{path}")).status_code == 404
    assert (await user.http.get(f"/v1/jobs/{UNKNOWN}/previews/{NAME}")).status_code == 404

    await catalogue.finish(claim, separated(), stems(Stem.VOCALS))
    assert (await user.http.get(f"/v1{path}")).status_code == 404
    names = [entry["name"] for entry in (await user.get(f"/items/{song}/artifacts"))["items"]]
    assert "vocals.flac" in names
    assert NAME not in names

    # Whoever listens may go on for a while; then it is gone, and the stem is still there.
    await sweep(catalogue)
    assert key in await keys(catalogue)
    async with catalogue.database.transaction() as session:
        (garbage,) = await session.scalars(select(GarbageRow))
        garbage.due -= PREVIEWS_GARBAGE_AFTER
    await sweep(catalogue)
    left = await keys(catalogue)
    assert key not in left
    assert any(key.endswith("/vocals.flac") for key in left)


async def keys(catalogue: Catalogue) -> set[str]:
    """Return the keys of what jobs made."""
    return {file.key async for file in catalogue.objects.walk(Bucket.DERIVED, "")}
