"""The library as a running service: its two applications and what goes on behind them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from contracts.identity import Audience
from kit.auth.dependencies import Authenticate
from kit.auth.reader import HttpKeys, TokenReader
from kit.bus.base import Consumer
from kit.database.actors import SERVICE, acting_as
from kit.database.engine import Database
from kit.http.app import create_app, guarded
from kit.http.health import Ready, health_routes
from kit.platform import ServicePlatform
from kit.service import Background, HttpApp
from services.library.actors import RequestActor, in_background
from services.library.catalogue.changes import ITEM_CHANGED, LICENCE_CHANGED, RATED
from services.library.catalogue.hiding import VISIBILITY_CHANGED
from services.library.catalogue.search_limits import Turns
from services.library.catalogue.uploads import Uploads
from services.library.collections.events import COLLECTION_CHANGED, MEMBERS_CHANGED
from services.library.completion.effects import Effects
from services.library.completion.reaper import Reaper
from services.library.completion.worker_events import JobEvents
from services.library.corrections.corrections import CUTS_CORRECTED
from services.library.cuts.samples import follow_cuts
from services.library.deletions.deletions import Deletions
from services.library.events.relay import EVENTS_PUBLISHED, Relay
from services.library.imports.lookups import Lookups
from services.library.imports.providers.registry import find_providers
from services.library.imports.runner import Importer
from services.library.imports.storing import Storing
from services.library.imports.web import Web
from services.library.jobs.policy import Policy
from services.library.jobs.progress import ProgressFeed
from services.library.jobs.transitions import JOB_FINISHED
from services.library.maintenance.cleanup import Cleanup
from services.library.maps.computing import MapLayouts
from services.library.maps.layout_process import LayoutProcess
from services.library.maps.placing import Placer
from services.library.maps.staleness import mark_maps_of_collections, mark_maps_of_owners
from services.library.preparation import migrate_as_owner, warn_if_unprotected
from services.library.query_sounds.results import QuerySoundResults, QuerySounds
from services.library.recommendations.listeners import (
    outdate_accounts,
    outdate_collections,
    outdate_exporters,
    outdate_owners,
)
from services.library.recommendations.lists import RecommendationLists
from services.library.recommendations.refreshing import ListRefresher
from services.library.routes.admin import admin_routes
from services.library.routes.artifacts import artifact_routes
from services.library.routes.clearance import clearance_routes
from services.library.routes.collections import collection_routes, tray_routes
from services.library.routes.context import Context
from services.library.routes.corrections import correction_routes
from services.library.routes.cuts import cut_routes
from services.library.routes.descriptors import descriptor_routes
from services.library.routes.imports import import_routes
from services.library.routes.internal import internal_routes
from services.library.routes.item_edits import item_edit_routes
from services.library.routes.items import hidden_routes, item_routes
from services.library.routes.jobs import job_routes
from services.library.routes.maps import map_routes
from services.library.routes.multitracks import multitrack_routes
from services.library.routes.notes import note_routes
from services.library.routes.pipelines import pipeline_routes
from services.library.routes.query_sounds import query_sound_routes
from services.library.routes.recommendations import recommendation_routes
from services.library.routes.runs import run_routes
from services.library.routes.saved_searches import saved_search_routes
from services.library.routes.search import search_routes
from services.library.routes.shared_links import shared_link_routes
from services.library.routes.sharing import sharing_routes
from services.library.routes.similarity import similarity_routes
from services.library.routes.tags import tag_routes
from services.library.routes.tasks import task_routes
from services.library.routes.teaching import teaching_routes
from services.library.routes.uploads import upload_routes
from services.library.routes.usage import usage_routes
from services.library.routes.waveforms import waveform_routes
from services.library.routes.webhooks import webhook_routes
from services.library.saved_searches.listeners import match_members_again
from services.library.saved_searches.matching import SavedSearchMatcher
from services.library.saved_searches.repository import saved_queries
from services.library.search.indexing import index_changes, index_results, next_revisions
from services.library.search.licences import inherit_licences
from services.library.search.pending import queue_results
from services.library.search.rebuild import MissingDocuments
from services.library.search.searching import Searches
from services.library.search.tag_files import TagFiles
from services.library.settings import LibrarySettings
from services.library.similarity.changes import SOUNDS_DESCRIBED
from services.library.similarity.duplicates import DuplicateFinder
from services.library.similarity.sound_vectors import SoundVectors, open_sound_vectors
from services.library.teaching.applying import TagApplier
from services.library.teaching.proposals import Proposals
from services.library.teaching.teaching import Teaching
from services.library.webhooks.client import WebhookClient
from services.library.webhooks.queueing import queue_events
from services.library.webhooks.sending import WebhookSender
from services.library.webhooks.testing import open_webhooks

MIGRATIONS = Path(__file__).with_name("migrations")
IMPORT_THREADS = 2
"""Threads that unpack, write and digest the files of imports."""
_ROUTES: tuple[Callable[[Context], APIRouter], ...] = (
    upload_routes,
    item_edit_routes,
    import_routes,
    item_routes,
    correction_routes,
    note_routes,
    cut_routes,
    multitrack_routes,
    hidden_routes,
    artifact_routes,
    tag_routes,
    collection_routes,
    tray_routes,
    sharing_routes,
    shared_link_routes,
    clearance_routes,
    job_routes,
    pipeline_routes,
    run_routes,
    task_routes,
    usage_routes,
    search_routes,
    descriptor_routes,
    saved_search_routes,
    similarity_routes,
    query_sound_routes,
    teaching_routes,
    map_routes,
    waveform_routes,
    recommendation_routes,
    admin_routes,
    webhook_routes,
)


class LibraryApp:
    """The running library."""

    def __init__(
        self,
        *,
        public: ASGIApp,
        internal: ASGIApp,
        background: tuple[Background, ...],
        database: Database,
        vectors: SoundVectors,
        keys: httpx.AsyncClient,
        web: Web,
        webhooks: WebhookClient,
        threads: ThreadPoolExecutor,
        needs: Ready,
    ) -> None:
        self.public = public
        self.internal: ASGIApp | None = internal
        self.background = background
        self._database = database
        self._vectors = vectors
        self._keys = keys
        self._web = web
        self._webhooks = webhooks
        self._threads = threads
        self._needs = needs

    async def ready(self) -> dict[str, bool]:
        """Return what must be reachable, and whether it is."""
        return await self._needs()

    async def close(self) -> None:
        """Let go of the database and of the gateway."""
        await self._keys.aclose()
        await self._web.close()
        await self._webhooks.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._vectors.close()
        await self._database.close()


async def build(platform: ServicePlatform, settings: LibrarySettings) -> HttpApp:
    """Bring the tables up to date and return the library, ready to serve."""
    with acting_as(SERVICE):
        return await _build(platform, settings)


async def _build(platform: ServicePlatform, settings: LibrarySettings) -> HttpApp:
    policy = settings.policy(platform.settings.lease)
    url = settings.database_url.get_secret_value()
    if settings.migration_url is not None:
        await migrate_as_owner(platform, MIGRATIONS, owner_url=settings.owner_url, url=url)
    database = platform.database(url, pool=settings.database_pool)
    await database.migrate(MIGRATIONS)
    await warn_if_unprotected(database)
    vectors = await open_sound_vectors(database, url)
    register_hooks(database, policy)
    deletions = Deletions(database, vectors)
    uploads = Uploads(
        database, platform.objects, clock=platform.clock, policy=policy, settings=settings
    )
    searches = Searches(
        database,
        clock=platform.clock,
        max_bytes=settings.search_bytes,
        at_once=max(1, settings.database_pool // 2),
        vectors=vectors,
        proposals=Proposals(database, vectors),
        saved=saved_queries,
    )
    threads = ThreadPoolExecutor(IMPORT_THREADS, "imports")
    web = Web(threads, any_address=settings.import_any_address)
    webhooks = open_webhooks(
        database,
        platform.settings.internal_secret.get_secret_value(),
        any_address=settings.webhook_any_address,
    )
    server = Context(
        database=database,
        bus=platform.bus,
        objects=platform.objects,
        policy=policy,
        settings=settings,
        uploads=uploads,
        lookups=Lookups(database, uploads, web, find_providers(), max_pack=settings.pack_bytes),
        deletions=deletions,
        searches=searches,
        item_searches=Turns(max(1, settings.database_pool // 2)),
        vectors=vectors,
        teaching=Teaching(database, vectors, at_once=max(1, settings.database_pool // 4)),
        recommendations=RecommendationLists(database, searches),
        webhooks=webhooks,
    )
    keys = platform.client(platform.settings.gateway_url)
    reader = TokenReader(HttpKeys(keys), audience=Audience.LIBRARY, clock=platform.clock)
    handler = JobEvents(database, platform.objects, policy=policy)
    consumers = [handler.consumer(platform.bus) for _ in range(platform.bus.members)]
    reaper = Reaper.following(
        consumers[0], database, platform.objects, policy=policy, clock=platform.clock
    )
    if settings.workers_end_with_us:
        await reaper.requeue_all()
    cleanup = Cleanup(
        database,
        platform.objects,
        policy=policy,
        feed_retention=settings.feed_retention,
        vectors=vectors,
        clock=platform.clock,
    )
    missing_documents = MissingDocuments(database, clock=platform.clock)
    tag_files = TagFiles(database, platform.objects, vectors)
    query_sounds = QuerySounds(database, platform.objects, clock=platform.clock)
    duplicates = DuplicateFinder(database, vectors)
    tag_applier = TagApplier(database, vectors)
    saved_searches = SavedSearchMatcher(database, server.searches)
    maps = MapLayouts(
        database,
        vectors,
        LayoutProcess(threads=settings.map_threads).compute,
        max_points=settings.map_points,
        placer=Placer(database, vectors, max_points=settings.map_points),
    )
    recommendations = ListRefresher(database, vectors, server.searches)
    importer = Importer(
        database,
        platform.objects,
        Storing(database, platform.objects, uploads, max_items=settings.collection_items),
        web,
        threads=threads,
        clock=platform.clock,
        settings=settings,
    )
    sender = WebhookSender(database, webhooks.client, webhooks.secrets, clock=platform.clock)
    progress = ProgressFeed(platform.bus, clock=platform.clock)
    relay = Relay(database, platform.bus)

    async def ready() -> dict[str, bool]:
        answers = await asyncio.gather(
            database.ready(), platform.bus.ready(), platform.objects.ready()
        )
        return dict(zip(("database", "bus", "objects"), answers, strict=True))

    internal = create_app("Cratedig library, internal")
    internal.add_middleware(RequestActor)
    internal.include_router(
        internal_routes(
            database,
            progress,
            deletions,
            policy=policy,
            secret=platform.settings.internal_secret,
        )
    )
    internal.router.routes.extend(health_routes(ready))
    return LibraryApp(
        public=guarded(catalogue(server, authenticate=reader.read, ready=ready)),
        internal=guarded(internal),
        background=tuple(
            in_background(run)
            for run in (
                *map(_listening, consumers),
                relay.run,
                reaper.run,
                cleanup.run,
                progress.run,
                deletions.run,
                missing_documents.run,
                tag_files.run,
                query_sounds.run,
                duplicates.run,
                tag_applier.run,
                saved_searches.run,
                importer.run,
                maps.run,
                recommendations.run,
                sender.run,
            )
        ),
        database=database,
        vectors=vectors,
        keys=keys,
        web=web,
        webhooks=webhooks.client,
        threads=threads,
        needs=ready,
    )


def register_hooks(database: Database, policy: Policy) -> None:
    """Register what the packages change in the transactions of those below them."""
    database.hooks.register(JOB_FINISHED, Effects(policy))
    database.hooks.register(JOB_FINISHED, QuerySoundResults(policy))
    database.hooks.register(JOB_FINISHED, index_results)
    database.hooks.register(JOB_FINISHED, queue_results)
    database.hooks.register(ITEM_CHANGED, index_changes)
    database.hooks.register(LICENCE_CHANGED, inherit_licences)
    database.hooks.register(VISIBILITY_CHANGED, next_revisions)
    database.hooks.register(COLLECTION_CHANGED, match_members_again)
    database.hooks.register(SOUNDS_DESCRIBED, mark_maps_of_owners)
    database.hooks.register(MEMBERS_CHANGED, mark_maps_of_collections)
    database.hooks.register(MEMBERS_CHANGED, outdate_collections)
    database.hooks.register(COLLECTION_CHANGED, outdate_accounts)
    database.hooks.register(RATED, outdate_accounts)
    database.hooks.register(VISIBILITY_CHANGED, outdate_owners)
    database.hooks.register(JOB_FINISHED, outdate_exporters)
    database.hooks.register(CUTS_CORRECTED, follow_cuts)
    database.hooks.register(EVENTS_PUBLISHED, queue_events)


def catalogue(server: Context, *, authenticate: Authenticate, ready: Ready) -> FastAPI:
    """Return the public application: the catalogue's routes, health, and its own description."""
    app = create_app(
        "Cratedig library",
        description="Items, search, artifacts, uploads, jobs, pipelines and runs.",
    )
    app.add_middleware(RequestActor)
    app.state.authenticate = authenticate
    for routes in _ROUTES:
        app.include_router(routes(server), prefix="/v1")
    app.router.routes.extend(health_routes(ready))

    async def description(request: Request) -> Response:
        return JSONResponse(app.openapi())

    app.add_route("/openapi.json", description, include_in_schema=False)
    return app


def _listening(consumer: Consumer) -> Background:
    async def listen(stopping: asyncio.Event) -> None:
        await consumer.run(stopping)

    return listen
