"""S19: reading from the internet, and the providers against a server that speaks their formats."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.imports import ImportCreate
from kit.http.internet import is_public
from services.library.imports.providers.archive import InternetArchive
from services.library.imports.providers.base import NothingFound
from services.library.imports.providers.freesound import Freesound
from services.library.imports.providers.podcast import Podcast, parse_xml
from services.library.imports.providers.registry import find_providers
from services.library.imports.web import Web, WebError
from tests.library.catalogue import Catalogue, sha256
from tests.library.imports.provider_server import SOUND, ProviderServer, provider_server

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
     xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule">
<channel><title>Field Notes</title><itunes:author>Ann</itunes:author>
<creativeCommons:license>https://creativecommons.org/licenses/by/4.0/</creativeCommons:license>
<item><title>Rain</title><link>https://example.org/rain</link>
<pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>
<enclosure url="{url}/rain.mp3" length="2000" type="audio/mpeg"/></item>
<item><title>A film</title><enclosure url="{url}/film.mp4" length="1" type="video/mp4"/></item>
<item><title>Text only</title></item>
<item><title>Wind</title><enclosure url="{url}/wind.ogg" length="1" type=""/></item>
</channel></rss>"""


@pytest.fixture
def site() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    with ThreadPoolExecutor(1) as threads:
        opened = Web(threads, any_address=True)
        yield opened
        await opened.close()


def request_of(reference: str, **fields: Any) -> ImportCreate:
    return ImportCreate(provider="any", reference=reference, **fields)


async def test_only_the_internet_is_connected_to(site: ProviderServer) -> None:
    with ThreadPoolExecutor(1) as threads:
        web = Web(threads)
        for url in (
            *("https://127.0.0.1/a.wav", "https://localhost/a.wav", "https://[::1]/a.wav"),
            *("https://169.254.169.254/latest", "https://10.0.0.1/", "https://[fd00::1]/"),
            *("https://2130706433/", "https://0x7f.1/", "https://0/", "https://[::ffff:7f00:1]/"),
        ):
            with pytest.raises(WebError, match=r"not one of the internet|could not be resolved"):
                await web.read(url, limit=1, timeout=5)
        for url, text in (
            (f"{site.url}/a.wav", "https://"),
            ("https://example.org:8443/", "Port 8443"),
            ("https://user:word@example.org/", "user name"),
            ("file:///etc/passwd", "Only web addresses"),
            ("gopher://example.org/", "Only web addresses"),
            ("https://", "Only web addresses"),
        ):
            with pytest.raises(WebError, match=text):
                web.check(url)
        await web.close()
    assert site.requests == []


def test_addresses_of_the_internet() -> None:
    inside = (
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.8"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"),
        *("2002:a00:1::", "2001:0:1::1", "fec0::1", "::10.0.0.1", "fe80::1%eth0", "no address"),
    )
    assert [address for address in inside if is_public(address)] == []
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


async def test_redirects_are_checked_and_keys_stay_with_their_server(
    site: ProviderServer, web: Web, tmp_path: Path
) -> None:
    head = {"Authorization": "Token key"}
    with provider_server() as other:
        other.put("/b.wav", SOUND)
        site.put("/1", b"", 302, Location="/2")
        site.put("/2", b"", 307, Location=f"{other.url}/b.wav")
        got = await web.download(
            f"{site.url}/1", tmp_path / "a", limit=5000, timeout=10, headers=head
        )
        assert (got.size, got.sha256) == (len(SOUND), sha256(SOUND))
        assert (tmp_path / "a").read_bytes() == SOUND
        assert [key for _, key in site.requests] == ["Token key", "Token key"]
        assert [key for _, key in other.requests] == [""]
    for n in range(5):
        site.put(f"/r{n}", b"", 302, Location=f"/r{n + 1}")
    site.put("/file", b"", 302, Location="file:///etc/passwd")
    site.put("/none", b"", 302)
    for path, text in (("r0", "more than 3"), ("file", "Only web"), ("none", "more than 3")):
        with pytest.raises(WebError, match=text):
            await web.read(f"{site.url}/{path}", limit=10, timeout=10)


async def test_size_time_and_form_of_a_body_are_bounded(site: ProviderServer, web: Web) -> None:
    site.put("/large", SOUND)
    site.put("/long", b"", Content_Length="99999999999")
    site.put("/endless", SOUND, Content_Length="4000")
    site.put("/packed", b"", Content_Encoding="gzip")
    site.put("/busy", b"", 503)
    for path, text, passing in (
        ("large", "bytes; at most 100", False),
        ("long", "bytes; at most 100", False),
        ("packed", "compressed", False),
        ("nothing", "HTTP status 404", False),
        ("busy", "HTTP status 503", True),
    ):
        with pytest.raises(WebError, match=text) as raised:
            await web.read(f"{site.url}/{path}", limit=100, timeout=10)
        assert raised.value.passing is passing
        assert "secret text" not in str(raised.value)
    with pytest.raises(WebError, match="broke off"):
        await web.read(f"{site.url}/endless", limit=5000, timeout=10)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(WebError, match=r"not read within 0\.05 s"):
            await web.read(f"http://127.0.0.1:{port}/", limit=1, timeout=0.05)


async def test_podcasts(site: ProviderServer, web: Web) -> None:
    site.put("/feed.xml", FEED.format(url=site.url).encode())
    listing = await Podcast().find(request_of(f"{site.url}/feed.xml"), web)
    assert listing.title == "Field Notes"
    rain, wind = listing.files
    assert (rain.name, rain.url) == ("Rain", f"{site.url}/rain.mp3")
    assert rain.details.metadata == {
        "title": "Rain", "artist": "Ann", "album": "Field Notes", "licence": "CC-BY-4.0",
        "date": "Mon, 05 Jan 2026 10:00:00 GMT", "url": "https://example.org/rain",
    }  # fmt: skip
    assert wind.name == "Wind"
    assert (
        len((await Podcast().find(request_of(f"{site.url}/feed.xml", max_files=1), web)).files) == 1
    )
    for body in (
        *(b"no xml", b"<rss/>", b"<rss><channel><title>x</title></channel></rss>"),
        b'<!DOCTYPE x [<!ENTITY a "b">]><rss>&a;</rss>',
        '<!DOCTYPE x [<!ENTITY a "b">]><rss/>'.encode("utf-16"),
    ):
        site.put("/feed.xml", body)
        with pytest.raises(NothingFound):
            await Podcast().find(request_of(f"{site.url}/feed.xml"), web)
    with pytest.raises(NothingFound, match="DOCTYPE"):
        parse_xml(b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><rss/>')


async def test_items_of_the_internet_archive(site: ProviderServer, web: Web) -> None:
    archive = InternetArchive(site.url)
    site.put("/metadata/live-1973", {
        "metadata": {"identifier": "live-1973", "title": "Live", "creator": ["Ann", "Ben"],
                     "licenseurl": "http://creativecommons.org/publicdomain/zero/1.0/"},
        "files": [
            {"name": "disc 1/01.flac", "source": "original", "title": "One", "size": "2000"},
            {"name": "disc 1/01.mp3", "source": "derivative", "original": "disc 1/01.flac"},
            {"name": "02.mp3", "source": "derivative", "original": "02.shn"},
            {"name": "cover.jpg", "source": "original"}, "odd", {"size": 3},
        ],
    })  # fmt: skip
    for reference in ("live-1973", "https://archive.org/details/live-1973?tab=about"):
        listing = await archive.find(request_of(reference), web)
        assert [file.url for file in listing.files] == [
            f"{site.url}/download/live-1973/disc%201/01.flac",
            f"{site.url}/download/live-1973/02.mp3",
        ]
    assert listing.files[0].details.name == "01.flac"
    assert listing.files[0].details.metadata == {
        "album": "Live", "artist": "Ann", "title": "One", "licence": "CC0-1.0",
        "url": "https://archive.org/details/live-1973",
    }  # fmt: skip
    site.put("/metadata/nothing", [])
    site.put("/metadata/text", {"metadata": {}, "files": [{"name": "a.txt"}]})
    for reference in ("nothing", "text", "../etc", ""[:0] or " "):
        with pytest.raises((NothingFound, WebError)):
            await archive.find(request_of(reference), web)


async def test_sounds_and_packs_of_freesound(site: ProviderServer, web: Web) -> None:
    freesound = Freesound(site.url)

    def sound(number: int, **fields: Any) -> dict[str, Any]:
        previews = {"preview-hq-mp3": f"{site.url}/{number}-hq.mp3"}
        return {
            "id": number, "name": f"Snare {number}", "tags": ["snare", "a/b"], "username": "ann",
            "license": "http://creativecommons.org/licenses/by/4.0/", "previews": previews,
            "url": f"https://freesound.org/people/ann/sounds/{number}/", **fields,
        }  # fmt: skip

    fields = "id,name,tags,username,license,url,previews"
    site.put(f"/apiv2/sounds/7/?fields={fields}", sound(7))
    key = SecretStr("my key")
    listing = await freesound.find(
        request_of("https://freesound.org/people/ann/sounds/7/", key=key), web
    )
    (file,) = listing.files
    assert (file.url, file.details.tags) == (f"{site.url}/7-hq.mp3", ("snare", "a b"))
    assert file.details.metadata["licence"] == "CC-BY-4.0"
    assert site.requests[-1][1] == "Token my key"
    assert "my key" not in repr(listing)
    page = f"/apiv2/packs/3/sounds/?fields={fields}&page_size=150&page="
    site.put("/apiv2/packs/3/", {"name": "Snares"})
    site.put(f"{page}1", {"results": [sound(1), sound(2, previews={})], "next": "https://evil/"})
    site.put(f"{page}2", {"results": [sound(3)], "next": None})
    listing = await freesound.find(
        request_of("https://freesound.org/people/ann/packs/3/", key=key), web
    )
    assert (listing.title, [f.name for f in listing.files]) == ("Snares", ["Snare 1", "Snare 3"])
    with pytest.raises(NothingFound, match="needs your API key"):
        await freesound.find(request_of("7"), web)
    with pytest.raises(NothingFound, match="no sound of freesound"):
        await freesound.find(request_of("ann", key=key), web)


def test_providers_of_other_packages_are_found_by_their_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tape.py").write_text("class Tape:\n    title, needs_key = 'Tapes', False\n")
    info = tmp_path / "tape-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cratedig.import_providers]\ntape = tape:Tape\nhttp = tape:Tape\nbad = nowhere:X\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    providers = find_providers()
    assert list(providers) == ["http", "podcast", "archive", "freesound", "tape"]
    assert (providers["tape"].title, providers["http"].needs_key) == ("Tapes", False)
    assert providers["http"].title != "Tapes"


async def test_a_podcast_becomes_items(catalogue: Catalogue, site: ProviderServer) -> None:
    user = catalogue.user()
    site.put("/feed.xml", FEED.format(url=site.url).encode())
    site.put("/rain.mp3", SOUND)
    body = {"provider": "podcast", "reference": f"{site.url}/feed.xml", "tags": ["field"]}
    created = await user.post("/imports", body)
    while await catalogue.importer.act():
        pass
    done = await user.get(f"/imports/{created['id']}")
    assert (done["state"], done["title"]) == ("finished", "Field Notes")
    files = (await user.get(f"/imports/{created['id']}/files"))["items"]
    assert [(file["name"], file["state"], file["reason"]) for file in files] == [
        ("Rain", "added", None),
        ("Wind", "refused", "The server answered with HTTP status 404."),
    ]
    item = await user.get(f"/items/{files[0]['item']}")
    assert (item["name"], item["metadata"]["licence"]) == ("Rain", "CC-BY-4.0")
    assert [tag["name"] for tag in item["tags"]] == ["field"]
    collection = await user.get(f"/collections/{done['collection']}")
    assert (collection["name"], collection["items"]) == ("Field Notes", 1)


async def test_a_download_that_breaks_off_is_tried_again_after_the_others(
    catalogue: Catalogue, site: ProviderServer
) -> None:
    user = catalogue.user()
    site.put("/feed.xml", FEED.format(url=site.url).encode())
    site.put("/rain.mp3", b"", 503)
    site.put("/wind.ogg", SOUND)
    body = {"provider": "podcast", "reference": f"{site.url}/feed.xml"}
    created = await user.post("/imports", body)
    while await catalogue.importer.act():
        pass
    done = await user.get(f"/imports/{created['id']}")
    assert (done["state"], done["files"]["added"], done["files"]["waiting"]) == ("running", 1, 1)
