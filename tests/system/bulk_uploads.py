"""Uploads many files at once and counts the outcomes."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cratedig import Client, JobFailedError


def send_all(user: Client, files: Iterable[Path], *, at_once: int = 6) -> Counter[str]:
    """Upload files and wait until each is in the catalogue or refused.

    Any answer that is not the API's own word on the file (a 5xx, a lost connection, a job that does
    not end) raises. Every refusal must give a person a reason.
    """

    def send(path: Path) -> str:
        sent = user.uploads.file(path)
        assert sent.item is not None, path.name
        if sent.job is not None:
            with suppress(JobFailedError):
                user.jobs.wait(sent.job)
            failure = user.jobs.get(sent.job).reason
            ours = failure is not None and failure.code in ("internal", "crash", "exhausted")
            assert not ours, f"{path.name}: {failure}"
        item = user.items.get(sent.item)
        if item.state == "ready":
            assert item.audio is not None, path.name
            assert item.audio.samples > 0, path.name
            return "ready"
        assert item.state == "rejected", f"{path.name} is {item.state}"
        assert item.rejection is not None, path.name
        assert len(item.rejection) > 20, path.name
        return "rejected"

    with ThreadPoolExecutor(at_once) as pool:
        return Counter(pool.map(send, files))
