"""What the library is; the only module of it that others may import."""

from kit.service import HttpService
from services.library.settings import LibrarySettings

SERVICE = HttpService(word="library", settings=LibrarySettings, build="services.library.app:build")
