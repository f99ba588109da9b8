"""Search results as the API shows them."""

from collections.abc import Sequence

from contracts.ids import ItemId
from contracts.search import ClassSource, SearchHit, SearchTag
from contracts.tagging import SoundClass
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import item_to_api
from services.library.search.tables import SearchDocumentRow, SearchTagRow


def hit_to_api(
    document: SearchDocumentRow, item: ItemRow, tags: Sequence[SearchTagRow]
) -> SearchHit:
    """Return a result as the API shows it."""
    return SearchHit(
        item=item_to_api(item),
        sound_class=SoundClass(document.sound_class) if document.sound_class else None,
        class_confidence=document.class_confidence,
        class_source=ClassSource(document.class_source) if document.class_source else None,
        song=ItemId(document.song) if document.song else None,
        key=document.key,
        camelot=document.camelot,
        bpm=document.bpm,
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
        ),
    )
