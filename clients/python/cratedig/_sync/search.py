# Made from _async/search.py by make_sync.py: change that file.
"""Search over items."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, QueryValue


class Search(Resource):
    """Search items by text, by facets and in any order."""

    def find(
        self,
        q: str = "",
        *,
        kind: Sequence[types.ItemKind] = (),
        not_kind: Sequence[types.ItemKind] = (),
        sound_class: Sequence[types.SoundClass] = (),
        not_sound_class: Sequence[types.SoundClass] = (),
        stem: Sequence[types.Stem] = (),
        not_stem: Sequence[types.Stem] = (),
        tag: Sequence[str] = (),
        not_tag: Sequence[str] = (),
        licence: Sequence[str] = (),
        not_licence: Sequence[str] = (),
        key: Sequence[str] = (),
        bpm: str | None = None,
        bpm_fold: bool | None = None,
        duration: str | None = None,
        loudness: str | None = None,
        brightness: str | None = None,
        noisiness: str | None = None,
        attack: str | None = None,
        pitch: str | None = None,
        source: Sequence[str] = (),
        collection: Sequence[str] = (),
        not_collection: Sequence[str] = (),
        saved: Sequence[str] = (),
        not_saved: Sequence[str] = (),
        favourite: bool | None = None,
        min_rating: int | None = None,
        in_doubt: bool | None = None,
        created: str | None = None,
        like: str | None = None,
        sort: str | None = None,
        counts: bool | None = None,
        histograms: str | None = None,
        page_size: int | None = None,
        offset: int | None = None,
        cursor: str | None = None,
        snapshot: str | None = None,
    ) -> types.SearchResult:
        """Return one page of a search.

        Parameters
        ----------
        q
            The search in the query language, such as `dusty snare bpm:118-128 key:Am~ -loop`. The
            other parameters are added to it.
        tag
            Items that have all of these tags; of other lists an item has one of the values.
        key
            `Am` or `8A`; `Am~` also finds compatible keys, `Am~relative` also the relative key.
        bpm, duration, loudness, brightness, noisiness, attack, pitch
            Ranges, such as `118-128`, `<0.5` or `>=2`; seconds, LUFS and hertz.
        bpm_fold
            Whether half and double the tempo match too.
        source
            Ids of items, or words of songs' names: what was cut from these.
        collection, not_collection
            Ids of your collections: what one of them holds, or none.
        saved, not_saved
            Names or ids of your saved searches: what one of them finds, or none.
        in_doubt
            Whether the confidence of the class is low.
        like
            The id of an item that results should sound like.
        created
            Dates, such as `2026-05` or `2026-05-01..2026-06-15`.
        sort
            `relevance`, `created`, `name`, `bpm`, `duration` or, with `like`, `near`; with `-` in
            front, descending.
        counts
            Whether to count the values of facets.
        histograms
            `bpm`, `duration` or `bpm,duration`: count results by tempo or length.
        page_size
            Rows of the page, at most 200.
        offset, snapshot
            Read rows at any offset of the results of an earlier search by its `snapshot`.
        cursor
            `next` of the page before.
        """
        query: dict[str, QueryValue] = {
            "q": q or None, "kind": kind, "not_kind": not_kind, "sound_class": sound_class,
            "not_sound_class": not_sound_class, "stem": stem, "not_stem": not_stem, "tag": tag,
            "not_tag": not_tag, "licence": licence, "not_licence": not_licence, "key": key,
            "bpm": bpm, "bpm_fold": bpm_fold, "duration": duration, "loudness": loudness,
            "brightness": brightness, "noisiness": noisiness, "attack": attack, "pitch": pitch,
            "source": source, "collection": collection, "not_collection": not_collection,
            "saved": saved, "not_saved": not_saved, "favourite": favourite,
            "min_rating": min_rating, "in_doubt": in_doubt, "created": created, "like": like,
            "sort": sort, "counts": counts, "histograms": histograms, "limit": page_size,
            "offset": offset, "cursor": cursor, "snapshot": snapshot,
        }  # fmt: skip
        return self._connection.send(
            Operation("GET", "/v1/search", types.SearchResult, query=query)
        )

    def list(self, q: str = "", *, page_size: int | None = None) -> Iterator[types.SearchHit]:
        """Yield all results of a search in the query language, page by page."""
        cursor: str | None = None
        while True:
            page = self.find(q, page_size=page_size, cursor=cursor)
            yield from page.items
            if page.next is None:
                return
            cursor = page.next

    def descriptors(
        self,
        path: Path,
        q: str = "",
        *,
        format: types.DescriptorFormat = "parquet",
        vectors: bool = True,
    ) -> Path:
        """Write what is known and measured of every item of a search into one file.

        Parameters
        ----------
        path
            The file to write; an existing one is replaced.
        q
            The search in the query language, without `like:`.
        format
            `parquet`, or `npz` for NumPy.
        vectors
            Whether to add the vectors of sounds.
        """
        query: dict[str, QueryValue] = {"q": q or None, "format": format, "vectors": vectors}
        return self._connection.save(
            Operation("GET", "/v1/search/descriptors", bytes, query=query), path
        )
