"""`python -m kit.weights fetch|verify|list [word …]`: manage the weights of networks."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from kit.settings import KitSettings
from kit.weights.manifest import WeightsEntry, WeightsManifest, find_manifests
from kit.weights.store import FetchFailed, Store, open_store

_SOURCE_TIMEOUT = 10.0
"""Seconds within which the source of preferred weights must answer."""
_BAR = 24
_EVERY = 0.1


@dataclass(slots=True)
class Bar:
    """A progress bar on a terminal; without one, a line for each file or conversion."""

    stream: TextIO
    _what: str = ""
    _drawn: float = field(default=0.0)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Update the bar, at most ten times a second; see `kit.weights.sources.Progress`."""
        fresh, finished = what != self._what, bool(total) and done >= total
        self._what = what
        if not self.stream.isatty():
            if fresh:
                self.stream.write(f"  {what} …\n")
            return
        now = time.monotonic()
        if not fresh and not finished and now - self._drawn < _EVERY:
            return
        self._drawn = now
        filled = _BAR * done // total if total else 0
        size = f"{done / 1e6:7.1f} of {total / 1e6:.1f} MB" if total else "…"
        self.stream.write(f"\r\x1b[K  {'█' * filled}{'░' * (_BAR - filled)} {size}  {what}")
        self.stream.flush()

    def clear(self) -> None:
        """Erase the bar."""
        if self.stream.isatty() and self._what:
            self.stream.write("\r\x1b[K")
        self._what = ""


def _chosen(
    manifests: Sequence[WeightsManifest], *, everything: bool
) -> Iterator[tuple[WeightsManifest, WeightsEntry]]:
    for manifest in manifests:
        for weights in manifest.weights:
            if weights.default or everything:
                yield manifest, weights


def _list(store: Store, manifests: Sequence[WeightsManifest]) -> int:
    for manifest, weights in _chosen(manifests, everything=True):
        state = "present" if store.present(weights) else "missing"
        default = (
            "default" if weights.default else "preferred" if weights.preferred else "on request"
        )
        print(
            f"{manifest.word:<12} {weights.name:<24} {weights.version:<14} "
            f"{weights.licence:<14} {weights.bytes / 1e6:8.1f} MB  {default:<10}  {state}"
        )
    return 0


def _verify(store: Store, manifests: Sequence[WeightsManifest], *, everything: bool) -> int:
    bad = 0
    for manifest, weights in _chosen(manifests, everything=everything):
        good = store.verify(weights)
        bad += not good
        print(f"{'ok     ' if good else 'MISSING'} {manifest.word} {weights.name}")
        if not good:
            print(f"        fetch it with: {manifest.command}")
    return 1 if bad else 0


def _fetch(
    store: Store, manifests: Sequence[WeightsManifest], *, everything: bool, pinned: bool
) -> int:
    failures = 0
    bar = Bar(sys.stderr)
    for manifest, weights in _chosen(manifests, everything=everything):
        try:
            path = store.fetch(weights, progress=bar)
        except FetchFailed as error:
            failures += 1
            bar.clear()
            print(f"FAILED  {manifest.word} {weights.name}: {error}", file=sys.stderr)
            continue
        bar.clear()
        print(f"ok      {manifest.word} {weights.name}  {path}")
    if not (everything or pinned):
        for manifest in manifests:
            for weights in manifest.weights:
                if weights.preferred:
                    print(_fetch_preferred(store, manifest, weights, bar))
    return 1 if failures else 0


def _fetch_preferred(
    store: Store, manifest: WeightsManifest, weights: WeightsEntry, bar: Bar
) -> str:
    """Fetch weights that are better than the defaults; return a line about the result.

    A source that cannot be reached is not a failure, because the service runs with its defaults.
    """
    name = f"{manifest.word} {weights.name}"
    instead = ", ".join(entry.name for entry in manifest.weights if entry.default)
    if not store.verify(weights):
        if not store.reachable(weights, within=_SOURCE_TIMEOUT):
            return (
                f"without {name}: its source did not answer within {_SOURCE_TIMEOUT:.0f} s, so "
                f"{manifest.word} uses {instead}. To try again: {manifest.command}"
            )
        try:
            store.fetch(weights, progress=bar)
        except FetchFailed as error:
            bar.clear()
            return f"without {name}, so {manifest.word} uses {instead}: {error}"
        bar.clear()
    return f"ok      {name}  {store.path(weights)}  (preferred to {instead})"


def main(arguments: Sequence[str], *, services: Path, store: Store) -> int:
    """Run the command and return its exit status: 0 if all requested weights are present."""
    parser = argparse.ArgumentParser(
        prog="python -m kit.weights", description="Fetch, verify or list the weights of networks."
    )
    parser.add_argument("action", choices=["fetch", "verify", "list"])
    parser.add_argument("words", nargs="*", metavar="word", help="services; all by default")
    parser.add_argument(
        "--all", action="store_true", help="also weights that are not a service's default"
    )
    parser.add_argument(
        "--pinned",
        action="store_true",
        help="only the defaults, even if preferred weights are available",
    )
    options = parser.parse_intermixed_args(arguments)
    manifests = find_manifests(services)
    unknown = set(options.words) - {manifest.word for manifest in manifests}
    if unknown:
        known = ", ".join(manifest.word for manifest in manifests)
        parser.error(f"unknown service: {', '.join(sorted(unknown))}; choose from: {known}")
    chosen = [m for m in manifests if not options.words or m.word in options.words]
    if options.action == "list":
        return _list(store, chosen)
    if options.action == "verify":
        return _verify(store, chosen, everything=options.all)
    return _fetch(store, chosen, everything=options.all, pinned=options.pinned or store.pinned)


if __name__ == "__main__":
    # The package `services` is next to `kit`, in a checkout and in an installation.
    sys.exit(
        main(
            sys.argv[1:],
            services=Path(__file__).resolve().parents[2] / "services",
            store=open_store(KitSettings()),
        )
    )
