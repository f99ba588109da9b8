# Made from _async/jobs.py by make_sync.py: change that file.
"""Jobs: one task on one item or collection."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cratedig import http, types
from cratedig._sync.polling import wait_until_ended
from cratedig._sync.resource import Resource
from cratedig.errors import JobFailedError
from cratedig.operations import Operation, idempotency_key


class Jobs(Resource):
    """Create, follow, cancel and retry jobs."""

    def create(
        self,
        item: str | None,
        task: str,
        *,
        collection: str | None = None,
        params: Mapping[str, Any] | None = None,
        inputs: Iterable[str] = (),
        priority: types.Priority = "interactive",
        force: bool = False,
    ) -> types.Job:
        """Submit a task on an item, or on a collection.

        A job that has the same result already is returned as it is.

        Parameters
        ----------
        item
            None for a job on a collection.
        collection
            Id of a collection, `favourites` or `tray`, for a task that accepts collections.
        params
            Parameters of the task; `tasks.list` has their schema.
        inputs
            Ids of artifacts of the item to work on, in place of its audio.
        force
            Do the work even if its result is there.

        Raises
        ------
        InvalidRequestError
            The task or a parameter is wrong.
        NotFoundError
            There is no such item or collection.
        """
        body = {
            "item": item,
            "collection": collection,
            "task": task,
            "params": dict(params or {}),
            "inputs": [*inputs],
            "priority": priority,
            "force": force,
        }
        return self._connection.send(
            Operation("POST", "/v1/jobs", types.Job, body=body, headers=idempotency_key())
        )

    def list(
        self,
        *,
        subject: str | None = None,
        item: str | None = None,
        state: types.JobState | None = None,
        task: str | None = None,
        run: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[types.Job]:
        """Yield jobs, newest first.

        Parameters
        ----------
        subject
            Only jobs over this subject, as `<kind>:<id>`; `item` is short for `item:<id>`.
        page_size
            How many are fetched at a time.
        """
        query = {
            "subject": subject,
            "item": item,
            "state": state,
            "task": task,
            "run": run,
            "limit": page_size,
        }
        return self._connection.pages(
            Operation("GET", "/v1/jobs", types.Page[types.Job], query=query)
        )

    def get(self, job: str) -> types.Job:
        """Show a job."""
        return self._connection.send(Operation("GET", "/v1/jobs/{job}", types.Job, {"job": job}))

    def artifacts(self, job: str, *, page_size: int | None = None) -> Iterator[types.Artifact]:
        """Yield the files that a job stored, newest first."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/jobs/{job}/artifacts",
                types.Page[types.Artifact],
                {"job": job},
                query={"limit": page_size},
            )
        )

    def wait(
        self,
        job: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[types.Job], None] = lambda job: None,
    ) -> types.Job:
        """Wait until a job has ended. A skipped job counts as a result.

        Parameters
        ----------
        timeout
            Seconds to wait at most.
        on_progress
            Called with the job again and again while it goes on.

        Raises
        ------
        JobFailedError
            It failed or was cancelled.
        WaitTimeoutError
            It has not ended in time; it goes on.
        """
        ended = wait_until_ended(lambda: self.get(job), on_progress, timeout)
        if ended.state in ("failed", "cancelled"):
            reason = ended.reason or types.Reason(code=ended.state, message="")
            raise JobFailedError(ended.id, ended.state, reason.code, reason.message)
        return ended

    def cancel(self, job: str) -> types.Job:
        """Cancel a job. A running one ends as soon as its worker has stopped."""
        return self._connection.send(
            Operation(
                "POST", "/v1/jobs/{job}/cancel", types.Job, {"job": job}, headers=idempotency_key()
            )
        )

    def retry(self, job: str, *, parameters: Mapping[str, Any] | None = None) -> types.Job:
        """Submit a job that failed or was cancelled again; return the new job.

        Parameters
        ----------
        parameters
            Parameters to change, such as those of an entry of the job's `retry_with`.
        """
        return self._connection.send(
            Operation(
                "POST",
                "/v1/jobs/{job}/retry",
                types.Job,
                {"job": job},
                body={"parameters": dict(parameters or {})},
                headers=idempotency_key(),
            )
        )

    def preview(self, job: str, name: str) -> types.Download:
        """Return a signed URL of a part that can be heard while its job runs.

        Parameters
        ----------
        name
            One of the job's `progress.previews`, which its live events have too.

        Raises
        ------
        NotFoundError
            The part is not there yet, or the job has ended and the whole file is there.
        """
        download = self._connection.send(
            Operation(
                "GET",
                "/v1/jobs/{job}/previews/{name}",
                types.Download,
                {"job": job, "name": name},
            )
        )
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})
