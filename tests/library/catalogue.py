"""The catalogue as clients see it: real routes, database, files and bus, with fake workers."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

from contracts.analysis import AnalysisResult
from contracts.envelope import Event, dataschema
from contracts.identity import Principal, Scope
from contracts.ids import EventId, OwnerId, UserId, WorkerId
from contracts.ingest import CANONICAL, IngestResult, Levels, SourceFormat, StatedMusic
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.jobs import (
    Claim,
    ClaimRequest,
    FailureKind,
    JobCompleted,
    JobFailed,
    JobSkipped,
    Manifest,
    Producer,
    Reason,
    StoredFile,
    TaskName,
)
from contracts.midi import MidiResult
from contracts.music import Stem
from contracts.objects import MANIFEST, Bucket, artifact_key
from contracts.separation import Precision, Residual, SeparationResult
from contracts.slicing import SlicingResult
from kit.auth.tokens import BadToken
from kit.bus.base import AnyEvent
from kit.bus.memory import MemoryBus
from kit.clock import Clock, SystemClock, new_id
from kit.database.actors import SERVICE
from kit.database.engine import Database
from kit.http.app import guarded
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from services.library.app import MIGRATIONS, register_hooks
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.catalogue.search_limits import Turns
from services.library.catalogue.uploads import Uploads
from services.library.completion.reaper import Reaper
from services.library.completion.worker_events import JobEvents
from services.library.deletions.deletions import Deletions
from services.library.imports.lookups import Lookups
from services.library.imports.providers.registry import find_providers
from services.library.imports.runner import Importer
from services.library.imports.storing import Storing
from services.library.imports.web import Web
from services.library.jobs import claims
from services.library.maintenance.cleanup import Cleanup
from services.library.pipelines.job_facts import describe_job
from services.library.recommendations.lists import RecommendationLists
from services.library.routes.context import Context
from services.library.saved_searches.repository import saved_queries
from services.library.search.searching import Searches
from services.library.settings import LibrarySettings
from services.library.similarity.sound_vectors import open_sound_vectors
from services.library.teaching.proposals import Proposals
from services.library.teaching.teaching import Teaching
from services.library.webhooks.testing import open_webhooks
from tests.library.lent_application import lent_application
from tests.support.timeouts import HANG_TIMEOUT

PART = 1 << 10
"""Bytes of a part: so small that a test's file has several."""
ALL = frozenset({Scope.READ, Scope.WRITE, Scope.JOBS})
UNKNOWN = "01920000-0000-7000-8000-000000000000"


@dataclass
class Catalogue:
    """A library in this process, its clients and its workers."""

    database: Database
    objects: FileStore
    server: Context
    app: FastAPI
    handler: JobEvents
    principals: dict[str, Principal]
    importer: Importer

    def user(self, *, scopes: frozenset[Scope] = ALL, owner: str | None = None) -> "User":
        """Return a client of a new user, or of another one of the same owner."""
        id_ = owner or new_id()
        token = new_id()
        self.principals[token] = Principal(
            user=UserId(id_),
            owner=OwnerId(id_),
            scopes=scopes,
            token=token,
            expires=datetime.now(UTC) + timedelta(hours=1),
        )
        return User(self, id_, self.client(token))

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(guarded(self.app))
        return httpx.AsyncClient(transport=transport, base_url="http://library", headers=headers)

    async def claim(self, task: TaskName) -> Claim:
        """Take the next job of a task, as a worker."""
        request = ClaimRequest(task=task, worker=WorkerId(new_id()), producer=producer_of(task))
        async with self.database.transaction() as session:
            claimed = await claims.claim(
                session,
                request,
                policy=self.server.policy,
                subjects=ITEM_SUBJECTS,
                describe=describe_job,
            )
        assert claimed, f"no {task} job waits"
        return claimed[0]

    async def idle(self, task: TaskName) -> bool:
        """Return whether no job of a task waits."""
        request = ClaimRequest(task=task, worker=WorkerId(new_id()), producer=producer_of(task))
        async with self.database.transaction() as session:
            return not await claims.claim(
                session, request, policy=self.server.policy, subjects=ITEM_SUBJECTS
            )

    async def finish(
        self, claim: Claim, result: BaseModel, files: Mapping[str, "WorkerFile"] | None = None
    ) -> None:
        """Store the files of an attempt, and report `job.completed`."""
        stored = []
        for name, file in (files or {}).items():
            data = file.data or f"{claim.job} {name}".encode() * 20
            await self.objects.put_bytes(
                Bucket.DERIVED, key_of(claim, name), data, media_type=file.media_type
            )
            stored.append(
                StoredFile(
                    name=name,
                    size=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                    **{k: getattr(file, k) for k in WorkerFile.__dataclass_fields__ if k != "data"},
                )
            )
        manifest = Manifest(
            job=claim.job,
            epoch=claim.epoch,
            producer=producer_of(claim.task),
            result=result.model_dump(mode="json"),
            files=tuple(stored),
        )
        data = manifest.model_dump_json().encode()
        key = key_of(claim, MANIFEST)
        await self.objects.put_bytes(Bucket.DERIVED, key, data, media_type="application/json")
        completed = JobCompleted(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            manifest_key=key,
            manifest_sha256=hashlib.sha256(data).hexdigest(),
        )
        await self.handler(worker_event(completed, "job.completed"))

    async def skip(self, claim: Claim, reason: str = "silent") -> None:
        """Report `job.skipped`."""
        skipped = JobSkipped(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            producer=producer_of(claim.task),
            reason=Reason(code=reason, message="There was nothing to hear."),
        )
        await self.handler(worker_event(skipped, "job.skipped"))

    async def reject(self, claim: Claim, message: str = "This is no sound.") -> None:
        """Report that the input is unusable."""
        await self.fail(claim, Reason(code="input", message=message))

    def reaper(self) -> Reaper:
        """Return the background task that requeues and ends overdue jobs."""
        return Reaper(
            self.database,
            self.objects,
            policy=self.server.policy,
            clock=SystemClock(),
            results_read=asyncio.Event(),
        )

    def cleanup(self, *, clock: Clock | None = None) -> Cleanup:
        """Return the background task that removes what is no longer needed."""
        return Cleanup(
            self.database,
            self.objects,
            policy=self.server.policy,
            feed_retention=self.server.settings.feed_retention,
            vectors=self.server.vectors,
            clock=clock or SystemClock(),
        )

    async def fail(self, claim: Claim, reason: Reason) -> None:
        """Report a failure that a retry would repeat."""
        failed = JobFailed(
            job=claim.job,
            epoch=claim.epoch,
            worker=WorkerId(new_id()),
            kind=FailureKind.REJECTED,
            reason=reason,
        )
        await self.handler(worker_event(failed, "job.failed"))

    async def ingest_next(self, *, kind: ItemKind = ItemKind.TRACK, **tags: str) -> Claim:
        """Run the next ingest job."""
        claim = await self.claim(TaskName.INGEST)
        await self.finish_ingest(claim, kind=kind, **tags)
        return claim

    async def finish_ingest(
        self, claim: Claim, *, kind: ItemKind = ItemKind.TRACK, **tags: str
    ) -> None:
        """Finish an ingest job with the usual files."""
        files = {CANONICAL: CANONICAL_FILE, "peaks.dat": PEAKS}
        await self.finish(claim, ingested(kind, tags), files)


@dataclass(frozen=True)
class WorkerFile:
    """A file that a fake worker stores."""

    kind: ArtifactKind
    media_type: str = "audio/flac"
    stem: Stem | None = None
    item: ItemKind | None = None
    title: str = ""
    start: int | None = None
    end: int | None = None
    audio: AudioFacts | None = None
    bpm: float | None = None
    waveform: str | None = None
    replaces: str | None = None
    data: bytes | None = None
    """Its content, if that matters."""


@dataclass
class User:
    """A client of one user."""

    catalogue: Catalogue
    owner: str
    http: httpx.AsyncClient

    async def get(self, path: str, **query: Any) -> Any:
        """GET and expect a success."""
        return good(await self.http.get(f"/v1{path}", params=query))

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """POST and expect a success."""
        headers = {"Idempotency-Key": key} if key else {}
        return good(await self.http.post(f"/v1{path}", json=body, headers=headers))

    async def open(self, data: bytes, **fields: Any) -> Any:
        """Open an upload."""
        body = {"name": "song.wav", "size": len(data), "sha256": sha256(data), **fields}
        return await self.post("/uploads", body)

    async def send(self, upload: Any, data: bytes, *, parts: int | None = None) -> None:
        """PUT what is missing, or the first parts of it."""
        for part in upload["missing"][:parts]:
            piece = data[part["offset"] : part["offset"] + part["size"]]
            answer = await self.store().put(part["url"], content=piece)
            assert answer.is_success, answer.text

    async def upload(self, data: bytes, **fields: Any) -> Any:
        """Open an upload, send its parts and complete it."""
        upload = await self.open(data, **fields)
        await self.send(upload, data)
        return await self.post(f"/uploads/{upload['id']}/complete")

    async def track(self, data: bytes = b"a song" * 1000, **fields: Any) -> str:
        """Upload a file, ingest it, and return its item."""
        upload = await self.upload(data, **fields)
        await self.catalogue.ingest_next()
        return str(upload["item"])

    def store(self) -> httpx.AsyncClient:
        """Return a client of the store's signed URLs."""
        application = self.catalogue.objects.application()
        assert application is not None
        transport = httpx.ASGITransport(application)
        return httpx.AsyncClient(transport=transport, base_url="http://store")


def good(answer: httpx.Response) -> Any:
    """Return the body of a success."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def producer_of(task: TaskName) -> Producer:
    return Producer(engine="fake", version="1", fingerprint=sha256(task.encode()))


def key_of(claim: Claim, name: str) -> str:
    return artifact_key(claim.owner, claim.subject, claim.task, claim.job, claim.epoch, name)


def worker_event(data: JobCompleted | JobSkipped | JobFailed, type_: str) -> AnyEvent:
    return Event[Any](
        id=EventId(new_id()),
        type=type_,
        source="/test",
        subject=data.job,
        time=datetime.now(UTC),
        dataschema=dataschema(type_),
        data=data,
    )


AUDIO = AudioFacts(duration=10.0, sample_rate=44_100, channels=2, samples=441_000)
CANONICAL_FILE = WorkerFile(ArtifactKind.CANONICAL, audio=AUDIO)
PEAKS = WorkerFile(ArtifactKind.PEAKS, "application/octet-stream")


def ingested(kind: ItemKind, tags: Mapping[str, str]) -> IngestResult:
    return IngestResult(
        audio=AUDIO,
        kind=kind,
        source=SourceFormat(
            container="wav", codec="pcm_s16le", sample_rate=44_100, channels=2, size=1000
        ),
        levels=Levels(
            integrated_lufs=-14.0,
            true_peak_dbtp=-1.0,
            sample_peak_dbfs=-1.0,
            dc_offset=(0.0, 0.0),
            clipped_samples=0,
        ),
        tags=dict(tags),
        stated=StatedMusic(
            bpm=float(tags["bpm"]) if "bpm" in tags else None, key=tags.get("initial_key")
        ),
    )


def separated() -> SeparationResult:
    return SeparationResult(
        weights="fake",
        engine="fake",
        precision=Precision.EXACT,
        sample_rate=44_100,
        samples=441_000,
        overlap=0.25,
        shifts=0,
        residual=Residual.OTHER,
        residual_level_db=-60.0,
        stems=(),
    )


def stem_file(stem: Stem) -> WorkerFile:
    return WorkerFile(
        ArtifactKind.STEM,
        stem=stem,
        item=ItemKind.STEM,
        title=f"song – {stem}",
        start=0,
        end=441_000,
        audio=AUDIO,
    )


def stems(*names: Stem) -> dict[str, WorkerFile]:
    return {f"{stem}.flac": stem_file(stem) for stem in names}


MIDI = MidiResult(
    notes=3,
    lowest=60,
    highest=67,
    polyphony=3,
    duration=10.0,
    tempo=120.0,
    tempo_known=False,
    program=0,
    mean_confidence=0.9,
    engine="fake",
    weights="fake",
)
MIDI_FILES = {"notes.mid": WorkerFile(ArtifactKind.MIDI, "audio/midi")}
SLICING = SlicingResult(one_shots=1, loops=0, groups=1, stored=1, duration=10.0)
ANALYSIS = AnalysisResult(duration=10.0)


@asynccontextmanager
async def open_catalogue(
    url: str,
    folder: Path,
    settings: LibrarySettings | None = None,
    *,
    store: type[FileStore] = FileStore,
) -> AsyncIterator[Catalogue]:
    """Return a library on an empty database and an empty folder."""
    clock = SystemClock()
    database = Database(
        url,
        clock=clock,
        pool=4,
        statement_timeout=HANG_TIMEOUT,
        busy_timeout=HANG_TIMEOUT,
        # What tests do without a request, they do as the library does in the background.
        actor=SERVICE,
    )
    await database.migrate(MIGRATIONS)
    objects = store(folder / "objects", signer=Signer("secret" * 8), part_size=PART)
    await objects.ensure()
    settings = settings or LibrarySettings()
    policy = settings.policy(60.0)
    vectors = await open_sound_vectors(database, url)
    register_hooks(database, policy)
    uploads = Uploads(database, objects, clock=clock, policy=policy, settings=settings)
    bus = MemoryBus()
    await bus.start()
    threads = ThreadPoolExecutor(2)
    web = Web(threads, any_address=True)
    searches = Searches(
        database,
        clock=clock,
        max_bytes=1 << 28,
        at_once=2,
        vectors=vectors,
        proposals=Proposals(database, vectors),
        saved=saved_queries,
    )
    webhooks = open_webhooks(database, "secret" * 8, any_address=True)
    server = Context(
        database=database,
        bus=bus,
        objects=objects,
        policy=policy,
        settings=settings,
        uploads=uploads,
        # Whoever deletes is answered when all is gone, however long that takes.
        deletions=Deletions(database, vectors, patience=HANG_TIMEOUT),
        searches=searches,
        lookups=Lookups(database, uploads, web, find_providers(), max_pack=settings.pack_bytes),
        item_searches=Turns(max(1, settings.database_pool // 2)),
        vectors=vectors,
        teaching=Teaching(database, vectors, at_once=2),
        recommendations=RecommendationLists(database, searches),
        webhooks=webhooks,
    )
    principals: dict[str, Principal] = {}

    async def authenticate(token: str) -> Principal:
        if token not in principals:
            raise BadToken("unknown")
        return principals[token]

    async def ready() -> dict[str, bool]:
        return {"database": await database.ready()}

    handler = JobEvents(database, objects, policy=policy)
    importer = Importer(
        database,
        objects,
        Storing(database, objects, uploads, max_items=settings.collection_items),
        web,
        threads=threads,
        clock=clock,
        settings=settings,
    )
    try:
        with lent_application(server, authenticate=authenticate, ready=ready) as app:
            yield Catalogue(database, objects, server, app, handler, principals, importer)
    finally:
        await web.close()
        await webhooks.client.close()
        threads.shutdown()
        await objects.close()
        await vectors.close()
        await database.close()
