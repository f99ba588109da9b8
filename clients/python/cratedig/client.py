"""The synchronous client, made from `aio.py` by `make_sync.py`: change that one."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from cratedig import calls, files, session, types, wire
from cratedig.errors import Busy, CratedigError, JobFailed, NotLoggedIn, Unreachable
from cratedig.events import read_events

T = TypeVar("T")
Ended = TypeVar("Ended", types.Job, types.Run)


class Client:
    """A house, seen from ordinary code.

    Parameters
    ----------
    credentials
        Address and tokens; by default those that `cratedig login` left.
    save
        Told whenever the session's tokens change.
    transport
        Another way to reach the house; for tests.
    """

    def __init__(
        self,
        credentials: session.Credentials | None = None,
        *,
        save: session.Saver | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._who = credentials or session.load()
        self._save = save or (session.save if credentials is None else _forget)
        self._http = httpx.Client(timeout=wire.TIMEOUT, transport=transport)

    @property
    def credentials(self) -> session.Credentials:
        """The address and the tokens in use."""
        return self._who

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def send(self, call: calls.Call[T]) -> T:
        """Send a call; a repeatable one again when the house is busy or out of reach."""
        for attempt in range(wire.TRIES):
            try:
                return calls.read(call, self._answer(call).content)
            except (Busy, Unreachable) as error:
                if attempt + 1 == wire.TRIES or not call.repeatable:
                    raise
                time.sleep(wire.pause(attempt, error))
        raise AssertionError("unreachable")

    def _answer(self, call: calls.Call[T]) -> httpx.Response:
        answer = self._once(wire.request(self._http, call, self._who))
        if wire.expired(answer, call, self._who):
            self._refresh()
            answer = self._once(wire.request(self._http, call, self._who))
        if answer.is_error:
            raise wire.failure(answer)
        return answer

    def _once(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._who.url} does not answer: {error}") from error

    def _refresh(self) -> None:
        call = calls.refresh(self._who.refresh_token)
        answer = self._once(wire.request(self._http, call, self._who))
        if answer.is_error:
            raise NotLoggedIn("the session ended: run `cratedig login`")
        self._keep(calls.read(call, answer.content))

    def _keep(self, made: types.Session) -> None:
        self._who = replace(
            self._who, access_token=made.access_token, refresh_token=made.refresh_token
        )
        self._save(self._who)

    # Accounts

    def signup(
        self, email: str, password: str, *, name: str = "", invitation: str = ""
    ) -> types.Account:
        """Open an account and log in. Some servers ask for an administrator's invitation."""
        account = self.send(calls.signup(email, password, name, invitation))
        self.login(email, password)
        return account

    def login(self, email: str, password: str) -> None:
        """Log in."""
        made = self.send(calls.login(email, password))
        self._who = replace(self._who, email=email)
        self._keep(made)

    def logout(self) -> None:
        """End the session here and in the house."""
        self.send(calls.logout())
        self._who = session.Credentials(url=self._who.url)
        self._save(self._who)

    def account(self) -> types.Account:
        """Show the account."""
        return self.send(calls.account())

    def make_key(self, name: str, scopes: frozenset[str], *, days: int = 90) -> types.ApiKey:
        """Make an API key; its secret is shown only now."""
        return self.send(calls.make_key(name, scopes, days))

    def make_invitation(self, note: str = "", *, days: int = 7) -> types.Invitation:
        """Invite somebody to open an account, as an administrator; it is shown only now."""
        return self.send(calls.make_invitation(note, days))

    # Uploads

    def upload(
        self,
        path: Path,
        *,
        kind: types.ItemKind | None = None,
        stem: types.Stem | None = None,
        metadata: Mapping[str, str] | None = None,
        told: files.Told = files.silent,
        resume: str | None = None,
        opened: Callable[[str], None] = lambda _: None,
    ) -> types.Upload:
        """Send a file and return its item and the job that takes it in.

        Parameters
        ----------
        path
            The file.
        kind
            What it is; without it its length decides.
        stem
            Which part of a song it holds; work on it then goes as with a separated stem.
        told
            Told how many bytes have arrived.
        resume
            An upload of the same file that broke off earlier.
        opened
            Told the upload's id as soon as it has one, to resume it by.

        Raises
        ------
        Refused
            The house does not take it; the message tells why.
        """
        size, sha256 = files.digest(path)
        if resume is None:
            announced = calls.create_upload(path.name, size, sha256, kind, stem, metadata or {})
            upload = self.send(announced)
        else:
            upload = self.send(calls.upload(resume))
        opened(upload.id)
        while upload.state == "open" and upload.missing:
            done = sum(part.size for part in upload.arrived)
            told(done, size)
            for part in upload.missing:
                self._put(path, part)
                done += part.size
                told(done, size)
            upload = self.send(calls.upload(upload.id))
        told(size, size)
        return upload if upload.state != "open" else self.send(calls.complete_upload(upload.id))

    def upload_state(self, upload_id: str) -> types.Upload:
        """Show an upload: what arrived of it, its item, and the jobs that followed."""
        return self.send(calls.upload(upload_id))

    def _put(self, path: Path, part: types.Part) -> None:
        """Send one part; a lost connection is met with another try."""
        for attempt in range(wire.TRIES):
            try:
                answer = self._http.put(
                    wire.absolute(self._who, part.url),
                    content=files.part(path, part.offset, part.size),
                )
                if answer.is_success:
                    return
                error: Exception = wire.failure(answer)
            except httpx.TransportError as lost:
                error = Unreachable(f"the store does not answer: {lost}")
            if attempt + 1 == wire.TRIES:
                raise error
            time.sleep(wire.pause(attempt, error))
        raise AssertionError("unreachable")

    # Catalogue

    def items(
        self,
        *,
        q: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        parent: str | None = None,
        roots: bool | None = None,
    ) -> Iterator[types.Item]:
        """Yield items, newest first, fetching pages as they are needed.

        With `roots` only those that were cut from no other item, or, where it is false, only those
        that were.
        """
        return self._pages(lambda page: calls.items(q, kind, state, parent, roots, page))

    def item(self, item_id: str) -> types.Item:
        """Show an item."""
        return self.send(calls.item(item_id))

    def edit_item(self, item_id: str, changes: Mapping[str, Any]) -> types.Item:
        """Change an item's name, kind, stem, tempo or metadata."""
        return self.send(calls.edit_item(item_id, changes))

    def delete_item(self, item_id: str) -> None:
        """Delete an item with all that was made of it."""
        self.send(calls.delete_item(item_id))

    def artifacts(self, item_id: str) -> Iterator[types.Artifact]:
        """Yield an item's files."""
        return self._pages(lambda page: calls.artifacts(item_id, page))

    def artifact(self, artifact_id: str) -> types.Artifact:
        """Show a file's facts."""
        return self.send(calls.artifact(artifact_id))

    def download(
        self, artifact: types.Artifact, path: Path, *, told: files.Told = files.silent
    ) -> Path:
        """Fetch a file, going on where an earlier try broke off, and check its digest."""
        partial = path.with_name(path.name + ".partial")
        for attempt in range(wire.TRIES):
            signed = self.send(calls.download(artifact.id))
            try:
                self._fetch(signed.url, partial, artifact.size, told)
                break
            except httpx.TransportError as error:
                if attempt + 1 == wire.TRIES:
                    raise Unreachable(f"the store does not answer: {error}") from error
                time.sleep(wire.pause(attempt, error))
        if files.digest(partial)[1] != artifact.sha256:
            partial.unlink()
            raise CratedigError(f"{artifact.name} arrived damaged; fetch it again")
        partial.replace(path)
        return path

    def _fetch(self, url: str, partial: Path, size: int, told: files.Told) -> None:
        have = files.size_of(partial)
        if have >= size > 0:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        url = wire.absolute(self._who, url)
        with self._http.stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise wire.failure(answer)
            have = have if answer.status_code == 206 else 0
            with partial.open("ab" if have else "wb") as file:
                for block in answer.iter_bytes(files.BLOCK):
                    file.write(block)
                    have += len(block)
                    told(have, size)

    # Work

    def create_job(
        self,
        item_id: str,
        task: str,
        *,
        params: Mapping[str, Any] | None = None,
        inputs: tuple[str, ...] = (),
        priority: types.Priority = "interactive",
        force: bool = False,
    ) -> types.Job:
        """Ask for a task over an item, or over artifacts of it."""
        call = calls.create_job(item_id, task, params or {}, inputs, priority, force)
        return self.send(call)

    def jobs(
        self, *, item: str | None = None, state: str | None = None, run: str | None = None
    ) -> Iterator[types.Job]:
        """Yield jobs, newest first."""
        return self._pages(lambda page: calls.jobs(item, state, run, page))

    def job(self, job_id: str) -> types.Job:
        """Show a job."""
        return self.send(calls.job(job_id))

    def preview(self, job_id: str, name: str) -> str:
        """Return an address where a part can be heard while its job runs, for some minutes.

        The names are those that the job's progress holds, and its live events.
        """
        signed = self.send(calls.preview(job_id, name))
        return wire.absolute(self._who, signed.url)

    def cancel_job(self, job_id: str) -> types.Job:
        """Stop a job."""
        return self.send(calls.cancel_job(job_id))

    def tasks(self) -> Iterator[types.Task]:
        """Yield the kinds of work, and whether a worker offers each now."""
        return self._pages(calls.tasks)

    def pipelines(self) -> Iterator[types.Pipeline]:
        """Yield the pipelines that can be run."""
        return self._pages(calls.pipelines)

    def create_run(
        self,
        item_id: str,
        pipeline: str | Mapping[str, Any],
        *,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        priority: types.Priority = "interactive",
        force: bool = False,
    ) -> types.Run:
        """Run a pipeline over an item; `params` holds parameters by the name of their step."""
        return self.send(calls.create_run(item_id, pipeline, params or {}, priority, force))

    def run(self, run_id: str) -> types.Run:
        """Show a run."""
        return self.send(calls.run(run_id))

    def cancel_run(self, run_id: str) -> types.Run:
        """Stop a run and its jobs."""
        return self.send(calls.cancel_run(run_id))

    def wait_job(
        self, job_id: str, *, told: Callable[[types.Job], None] = lambda _: None
    ) -> types.Job:
        """Wait until a job has ended; `told` hears of its progress.

        Raises
        ------
        JobFailed
            It failed or was cancelled. A skipped job is a result.
        """
        job = self._until_ended(lambda: self.job(job_id), told)
        if job.state in ("failed", "cancelled"):
            why = job.failure or types.Failure(reason=job.state, message="")
            raise JobFailed(job.id, job.state, why.reason, why.message)
        return job

    def wait_run(
        self, run_id: str, *, told: Callable[[types.Run], None] = lambda _: None
    ) -> types.Run:
        """Wait until every step of a run has ended; `told` hears of its progress."""
        return self._until_ended(lambda: self.run(run_id), told)

    def _until_ended(self, look: Callable[[], Ended], told: Callable[[Ended], None]) -> Ended:
        pause = 0.1
        while True:
            seen = look()
            told(seen)
            if seen.ended:
                return seen
            time.sleep(pause)
            pause = min(1.0, pause * 1.3)

    def events(
        self,
        *,
        item: str | None = None,
        job: str | None = None,
        run: str | None = None,
        after: str = "",
    ) -> Iterator[types.Event]:
        """Yield live events for ever, resuming after a lost connection or an expired token."""
        attempt = 0
        fresh = False
        while True:
            call = calls.events(item, job, run, after)
            request = wire.request(self._http, call, self._who, timeout=wire.STREAM_TIMEOUT)
            try:
                answer = self._http.send(request, stream=True)
                try:
                    if wire.expired(answer, call, self._who) and not fresh:
                        self._refresh()
                        fresh = True
                        continue
                    if answer.is_error:
                        answer.read()
                        raise wire.failure(answer)
                    fresh = False
                    for event in read_events(answer.iter_lines()):
                        attempt, after = 0, event.id or after
                        yield event
                finally:
                    answer.close()
            except (httpx.TransportError, Busy) as error:
                attempt += 1
                if attempt == wire.TRIES:
                    raise Unreachable(f"the live events broke off: {error}") from error
                time.sleep(wire.pause(attempt, error))

    def _pages(self, of: Callable[[str | None], calls.Call[types.Page[T]]]) -> Iterator[T]:
        page: str | None = None
        while True:
            answer = self.send(of(page))
            yield from answer.items
            page = answer.next
            if page is None:
                return


def _forget(credentials: session.Credentials) -> None:
    """Keep nothing: whoever gave the credentials keeps them."""
