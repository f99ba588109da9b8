"""Search results as the API shows them."""

import math
from collections.abc import Sequence

import numpy as np

from contracts.ids import ItemId
from contracts.search import ClassSource, SearchHit, SearchTag
from contracts.similarity import SimilarityAspects, SimilarSound
from contracts.tagging import SoundClass
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.search.aspects import COMPARED, MeasuredValues, aspect_gaps
from services.library.search.ranking import Near
from services.library.search.tables import SearchDocumentRow, SearchTagRow


def hit_to_api(
    document: SearchDocumentRow,
    item: ItemRow,
    tags: Sequence[SearchTagRow],
    *,
    proposed: Sequence[tuple[str, float]] = (),
    distance: float | None = None,
) -> SearchHit:
    """Return a result as the API shows it.

    Parameters
    ----------
    proposed
        Names of the taught tags that are proposed for the item, with confidences.
    distance
        From what the search is `like`.
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
        distance=distance,
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
    hits: Sequence[SearchHit],
    documents: Sequence[SearchDocumentRow],
    near: Near,
    examples: Sequence[tuple[MeasuredValues, float]],
) -> tuple[SimilarSound, ...]:
    """Return items that sound like examples as the API shows them.

    Parameters
    ----------
    documents
        Of the hits, in their order.
    near
        With the distances of these documents and of others.
    examples
        Measured values of the examples, and their weights.
    """
    distances = dict(zip(near.ids.tolist(), near.distances.tolist(), strict=True))
    of_vectors = dict(zip(near.ids.tolist(), near.vector_distances.tolist(), strict=True))
    values = {
        name: np.array([getattr(document, name) for document in documents], np.float64)
        for name in COMPARED
    }
    gaps = {aspect: gap.tolist() for aspect, gap in aspect_gaps(values, examples).items()}
    return tuple(
        SimilarSound(
            hit=hit,
            distance=distances[int(document.id or 0)],
            vector_distance=of_vectors[int(document.id or 0)],
            aspects=SimilarityAspects(
                **{name: gap[row] for name, gap in gaps.items() if not math.isnan(gap[row])}
            ),
        )
        for row, (hit, document) in enumerate(zip(hits, documents, strict=True))
    )
