"""The providers of this server: the four that come with it, and those of installed packages."""

import logging
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from services.library.imports.providers.archive import InternetArchive
from services.library.imports.providers.base import Provider
from services.library.imports.providers.freesound import Freesound
from services.library.imports.providers.http import DirectLink
from services.library.imports.providers.podcast import Podcast

log = logging.getLogger(__name__)

GROUP = "cratedig.import_providers"
"""The group of entry points of other packages."""


def find_providers() -> Mapping[str, Provider]:
    """Return the providers by name; one of another package does not replace a built-in one.

    A package that cannot be loaded is left out, with a warning in the log.
    """
    providers: dict[str, Provider] = {
        "http": DirectLink(),
        "podcast": Podcast(),
        "archive": InternetArchive(),
        "freesound": Freesound(),
    }
    for point in entry_points(group=GROUP):
        if point.name in providers:
            continue
        try:
            providers[point.name] = point.load()()
        except Exception:
            log.exception("the import provider %s cannot be loaded and is left out", point.name)
    return MappingProxyType(providers)
