"""Search results as the API shows them."""

import math
from collections.abc import Sequence

from contracts.ids import ItemId
from contracts.music import Share
from contracts.search import ClassSource, SearchHit, SearchTag
from contracts.similarity import SimilarityAspects, SimilarSound
from contracts.tagging import SoundClass
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.search.tables import SearchDocumentRow, SearchTagRow


def hit_to_api(
    document: SearchDocumentRow,
    item: ItemRow,
    tags: Sequence[SearchTagRow],
    *,
    proposed: Sequence[tuple[str, float]] = (),
) -> SearchHit:
    """Return a result as the API shows it.

    Parameters
    ----------
    proposed
        Names of the taught tags that are proposed for the item, with confidences.
    """
    return SearchHit(
        item=item_to_api(item),
        sound_class=SoundClass(document.sound_class) if document.sound_class else None,
        class_confidence=document.class_confidence,
        class_source=ClassSource(document.class_source) if document.class_source else None,
        song=ItemId(document.song) if document.song else None,
        key=document.key,
        camelot=document.camelot,
        key_source=ClassSource(document.key_source) if document.key_source else None,
        bpm=document.bpm,
        bpm_source=ClassSource(document.bpm_source) if document.bpm_source else None,
        loudness=document.loudness,
        brightness=document.brightness,
        noisiness=document.noisiness,
        attack=document.attack,
        pitch=document.pitch,
        favourite=document.favourite,
        rating=document.rating,
        licence=document.licence,
        tags=tuple(
            SearchTag(name=tag.tag, source=ClassSource(tag.source), confidence=tag.confidence)
            for tag in tags
        )
        + tuple(
            SearchTag(name=name, source=ClassSource.MACHINE, confidence=confidence, proposed=True)
            for name, confidence in proposed
        ),
    )


def similar_to_api(
    hit: SearchHit,
    document: SearchDocumentRow,
    distance: float,
    compared: Sequence[SearchDocumentRow],
) -> SimilarSound:
    """Return an item that sounds like another as the API shows it.

    Parameters
    ----------
    distance
        Of their vectors.
    compared
        The document of the other item; without one no aspect is known.
    """
    aspects = compare_aspects(document, compared[0]) if compared else SimilarityAspects()
    return SimilarSound(hit=hit, distance=distance, aspects=aspects)


def compare_aspects(first: SearchDocumentRow, second: SearchDocumentRow) -> SimilarityAspects:
    """Return how much two items differ in what is measured; see `SimilarityAspects`."""
    return SimilarityAspects(
        timbre=_mean(
            _ratio(first.brightness, second.brightness, octaves=3),
            _gap(first.noisiness, second.noisiness, whole=0.5),
        ),
        pitch=_ratio(first.pitch, second.pitch, octaves=1),
        envelope=_mean(
            _ratio(first.attack, second.attack, octaves=4),
            _ratio(first.duration, second.duration, octaves=4),
        ),
        loudness=_gap(first.loudness, second.loudness, whole=24.0),
    )


def _mean(*parts: Share | None) -> Share | None:
    known = [part for part in parts if part is not None]
    return sum(known) / len(known) if known else None


def _gap(first: float | None, second: float | None, *, whole: float) -> Share | None:
    if first is None or second is None:
        return None
    return min(1.0, abs(first - second) / whole)


def _ratio(first: float | None, second: float | None, *, octaves: float) -> Share | None:
    """Return the distance of two numbers in octaves as a share; below 1e-4 they count as that."""
    if first is None or second is None:
        return None
    return min(1.0, abs(math.log2(max(first, 1e-4) / max(second, 1e-4))) / octaves)
