# Made from _async/similarity.py by make_sync.py: change that file.
"""Similarity of sounds, and duplicates."""

from collections.abc import Iterator, Mapping, Sequence

from cratedig import types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation


class Similarity(Resource):
    """Find sounds that are alike, and duplicates."""

    def find(
        self,
        item: str,
        *,
        q: str = "",
        timbre: float | None = None,
        pitch: float | None = None,
        rhythm: float | None = None,
        envelope: float | None = None,
        loudness: float | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> types.SimilarSounds:
        """Return the items that sound most like an item, the nearest first.

        Parameters
        ----------
        q
            Filters in the query language, such as `class:snare len:<0.5`.
        timbre, pitch, rhythm, envelope, loudness
            How much each counts, 0 to 1. Without them the timbre alone counts.
        page_size
            Results, at most 200.
        cursor
            `next` of the answer before.
        """
        query = {
            "q": q or None,
            "timbre": timbre,
            "pitch": pitch,
            "rhythm": rhythm,
            "envelope": envelope,
            "loudness": loudness,
            "limit": page_size,
            "cursor": cursor,
        }
        return self._connection.send(
            Operation(
                "GET", "/v1/items/{item}/similar", types.SimilarSounds, {"item": item}, query=query
            )
        )

    def search(
        self,
        like: Mapping[str, float] | Sequence[str] = (),
        *,
        query_sounds: Mapping[str, float] | Sequence[str] = (),
        q: str = "",
        dials: Mapping[str, float] | None = None,
        page_size: int = 20,
        cursor: str | None = None,
    ) -> types.SimilarSounds:
        """Return the items that sound most like several items and query sounds together.

        Parameters
        ----------
        like, query_sounds
            Ids of items and of query sounds, or how much each id counts, -1 to 1; a negative weight
            subtracts its sound.
        q
            Filters in the query language.
        dials
            How much `timbre`, `pitch`, `rhythm`, `envelope` and `loudness` count, 0 to 1 each.
            Without them the timbre alone counts.
        page_size
            Results, at most 200.
        cursor
            `next` of the answer before.
        """
        examples = [
            {kind: id_, "weight": weight}
            for kind, sounds in (("item", like), ("query_sound", query_sounds))
            for id_, weight in _weights(sounds).items()
        ]
        body = {"like": examples, "dials": dict(dials or {}), "q": q, "limit": page_size}
        if cursor is not None:
            body["cursor"] = cursor
        return self._connection.send(
            Operation("POST", "/v1/search/similar", types.SimilarSounds, body=body)
        )

    def duplicates(self, *, page_size: int | None = None) -> Iterator[types.DuplicateGroup]:
        """Yield groups of items with the same sound: exact copies, and near ones.

        Parameters
        ----------
        page_size
            How many groups are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/duplicates",
                types.Page[types.DuplicateGroup],
                query={"limit": page_size},
            )
        )


def _weights(sounds: Mapping[str, float] | Sequence[str]) -> Mapping[str, float]:
    return sounds if isinstance(sounds, Mapping) else dict.fromkeys(sounds, 1.0)
