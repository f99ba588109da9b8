"""Whatever a handler does becomes one of the outcomes that the job table knows (R13, R16–R20)."""

import hashlib
import os

import pytest

from contracts.jobs import FailureKind, JobCompleted, Manifest
from contracts.objects import Bucket, previews_prefix
from kit.objects.base import ObjectFacts
from tests.support.scripted_service import Action
from tests.worker.conftest import WorkerHarness


async def stored(harness: WorkerHarness, prefix: str) -> list[ObjectFacts]:
    return [facts async for facts in harness.platform.objects.walk(Bucket.DERIVED, prefix)]


async def test_a_finished_job_has_its_files_its_manifest_and_one_event(
    harness: WorkerHarness,
) -> None:
    claim = await harness.offer(do="finish")
    event = await harness.outcome(claim)
    assert event.type == "job.completed"
    completed = JobCompleted.model_validate(event.data.model_dump())
    data = await harness.platform.objects.get_bytes(Bucket.DERIVED, completed.manifest_key)
    assert hashlib.sha256(data).hexdigest() == completed.manifest_sha256
    manifest = Manifest.model_validate_json(data)
    (file,) = manifest.files
    key = completed.manifest_key.replace("manifest.json", file.name)
    content = await harness.platform.objects.get_bytes(Bucket.DERIVED, key)
    assert content == b"made of sound of " + claim.job.encode()
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert manifest.producer == harness.runtime.producer
    assert f"/export/{claim.job}/1/" in completed.manifest_key
    assert completed.manifest == manifest
    assert manifest.result["text"] == ""


async def test_a_large_manifest_is_stored_and_not_inlined(harness: WorkerHarness) -> None:
    event = await harness.outcome(await harness.offer(letters=20_000))
    assert event.data.manifest is None
    data = await harness.platform.objects.get_bytes(Bucket.DERIVED, event.data.manifest_key)
    assert len(Manifest.model_validate_json(data).result["text"]) == 20_000


async def test_scratch_is_empty_after_a_job(harness: WorkerHarness) -> None:
    claim = await harness.offer(do="finish")
    await harness.outcome(claim)
    await harness.offer(do="skip")
    scratch = harness.platform.settings.scratch_dir
    assert scratch is not None
    # Folders vanish while they are walked, which `os.walk` does not mind.
    await harness.until(lambda: not [file for *_, files in os.walk(scratch) for file in files])


async def test_silence_is_skipped_with_its_reason(harness: WorkerHarness) -> None:
    event = await harness.outcome(await harness.offer(do="skip"))
    assert event.type == "job.skipped"
    assert event.data.reason.code == "silent"


@pytest.mark.parametrize(
    ("action", "kind", "reason"),
    [
        ("reject", FailureKind.REJECTED, "input"),
        ("retry", FailureKind.RETRYABLE, "io"),
        ("raise", FailureKind.INTERNAL, "internal"),
        ("forget", FailureKind.INTERNAL, "internal"),
        ("misname", FailureKind.INTERNAL, "internal"),
    ],
)
async def test_a_failure_says_its_kind(
    harness: WorkerHarness, action: str, kind: FailureKind, reason: str
) -> None:
    event = await harness.outcome(await harness.offer(do=action))
    assert event.type == "job.failed"
    assert (event.data.kind, event.data.reason.code) == (kind, reason)


async def test_a_handlers_traceback_is_for_operators_only(harness: WorkerHarness) -> None:
    event = await harness.outcome(await harness.offer(do="raise"))
    assert "a bug of the handler" in event.data.detail
    assert "a bug of the handler" not in event.data.reason.message


@pytest.mark.parametrize(
    ("action", "cause"), [("crash", "SIGSEGV"), ("exit", "exit code 3"), ("children", "SIGKILL")]
)
async def test_a_crash_takes_down_the_child_only(
    harness: WorkerHarness, action: str, cause: str
) -> None:
    event = await harness.outcome(await harness.offer(do=action))
    assert event.data.kind == FailureKind.CRASH
    assert cause in event.data.detail
    after = await harness.outcome(await harness.offer(do="finish"))
    assert after.type == "job.completed"


async def test_the_log_of_a_crash_is_kept_for_operators(harness: WorkerHarness) -> None:
    event = await harness.outcome(await harness.offer(do="crash"))
    assert "last words" in event.data.detail


@pytest.mark.parametrize("do", ["memory", "network_memory"])
async def test_out_of_memory_is_retried_with_smaller_segments(
    harness: WorkerHarness, do: Action
) -> None:
    event = await harness.outcome(await harness.offer(do=do, enough=0.5))
    assert event.type == "job.completed"
    data = await harness.platform.objects.get_bytes(Bucket.DERIVED, event.data.manifest_key)
    assert Manifest.model_validate_json(data).result["segment"] == 0.5
    again = await harness.outcome(await harness.offer(do="finish"))
    data = await harness.platform.objects.get_bytes(Bucket.DERIVED, again.data.manifest_key)
    assert Manifest.model_validate_json(data).result["segment"] == 1.0


async def test_the_cpu_takes_over_when_a_gpu_has_too_little_memory(
    gpu_harness: WorkerHarness,
) -> None:
    claim = await gpu_harness.offer(do="memory", enough=0.0, device="cuda")
    event = await gpu_harness.outcome(claim)
    assert event.type == "job.completed"
    data = await gpu_harness.platform.objects.get_bytes(Bucket.DERIVED, event.data.manifest_key)
    result = Manifest.model_validate_json(data).result
    assert (result["device"], result["segment"], result["fallback"]) == ("cpu", 1.0, True)
    again = await gpu_harness.outcome(await gpu_harness.offer(do="finish"))
    data = await gpu_harness.platform.objects.get_bytes(Bucket.DERIVED, again.data.manifest_key)
    result = Manifest.model_validate_json(data).result
    assert (result["device"], result["segment"], result["fallback"]) == ("cuda", 1.0, False)


async def test_previews_of_an_attempt_that_ran_out_of_memory_are_dropped(
    harness: WorkerHarness,
) -> None:
    claim = await harness.offer(do="memory", enough=0.5, seconds=1.0)
    await harness.outcome(claim)
    previews = [beat.progress.previews for beat in harness.library.beats if beat.progress.previews]
    assert previews[-1] == ("part-0.5.flac",)
    assert set(previews) <= {("part-1.flac",), ("part-0.5.flac",)}
    prefix = previews_prefix(claim.owner, claim.subject, claim.task, claim.job, claim.epoch)
    assert f"{prefix}part-0.5.flac" in [facts.key for facts in await stored(harness, prefix)]


async def test_memory_that_never_suffices_is_retryable_and_not_a_bad_file(
    harness: WorkerHarness,
) -> None:
    event = await harness.outcome(await harness.offer(do="memory", enough=0.0))
    assert event.data.kind == FailureKind.RETRYABLE
    assert event.data.reason.code == "memory"


async def test_a_network_that_lacks_memory_says_so_as_the_reason(harness: WorkerHarness) -> None:
    event = await harness.outcome(await harness.offer(do="network_memory", enough=0.0))
    assert event.data.kind == FailureKind.RETRYABLE
    assert event.data.reason.code == "device_memory"
    assert event.data.reason.message == "This network is too large."


async def test_a_job_that_hangs_in_c_is_killed_at_its_deadline(harness: WorkerHarness) -> None:
    claim = await harness.offer(start_to_close_timeout=1.0, do="hang")
    event = await harness.outcome(claim, within=30.0)
    assert event.data.kind == FailureKind.TIMEOUT
    assert not await stored(harness, f"{claim.owner}/item/{claim.subject.id}/export/")
