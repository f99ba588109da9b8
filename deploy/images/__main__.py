"""`python -m deploy.images build|show|sbom|audit|env|clean`."""

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from deploy.images import advisories, base
from deploy.images.builds import (
    ROOT,
    Build,
    ImageError,
    build_command,
    find_program,
    inputs_digest,
    services,
)
from deploy.images.contents import problems, read_contents
from deploy.images.sbom import sbom
from deploy.images.secret_scan import secrets_in_image
from deploy.images.store import Store

INPUTS = "cratedig.inputs"
"""The label that holds the digest of what an image was made of."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build images with docker, podman or buildah")
    build.add_argument("services", nargs="*", metavar="service", help="all by default")
    build.add_argument("--gpu", action="store_true", help="for NVIDIA's GPUs")
    build.add_argument("--baked", action="store_true", help="with the default weights inside")
    build.add_argument("--version", default="dev", help="the tag (default: dev)")
    build.add_argument(
        "--local-base",
        action="store_true",
        help="on bases made here, into this project's own store, where no registry is reached",
    )
    for name, does in (
        ("show", "print what fills images of this project's own store, and what is wrong"),
        ("sbom", "write their bills of materials as CycloneDX JSON"),
    ):
        command = commands.add_parser(name, help=does)
        command.add_argument("services", nargs="*", metavar="service", help="all by default")
        command.add_argument("--version", default="dev")
        if name == "sbom":
            command.add_argument("--output", type=Path, default=ROOT / "dist" / "sbom")
    commands.add_parser("audit", help="ask for known vulnerabilities of all locks")
    commands.add_parser("env", help="write .env with random secrets, if there is none")
    commands.add_parser("clean", help="remove this project's own store")
    options = parser.parse_args(arguments)
    try:
        return _do(options)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _do(options: argparse.Namespace) -> int:
    match options.command:
        case "build":
            builds = [
                Build(service, gpu=options.gpu, baked=options.baked, version=options.version)
                for service in options.services or services()
            ]
            build_in_store(Store(), builds) if options.local_base else _build(builds)
        case "show":
            return _show(Store(), _named(options))
        case "sbom":
            _write_sboms(Store(), _named(options), options.output)
        case "audit":
            return _audit()
        case "env":
            write_secrets(ROOT / ".env.example", ROOT / ".env")
        case _:
            shutil.rmtree(Store().folder, ignore_errors=True)
    return 0


def _named(options: argparse.Namespace) -> list[Build]:
    return [Build(service, version=options.version) for service in options.services or services()]


def _build(builds: Sequence[Build]) -> None:
    program = find_program()
    for build in builds:
        say(f"building {build.tag} with {Path(program).name}")
        done = subprocess.run((program, *build_command(build)), check=False)  # noqa: S603
        if done.returncode != 0:
            raise ImageError(f"{build.tag} could not be built; the reason is above")


def build_in_store(store: Store, builds: Sequence[Build]) -> None:
    """Build images on bases made here; one at a time, since each uses all processors.

    An image that the store holds already, made of the same files, stays as it is.
    """
    base.make_bases(store, say)
    for build in builds:
        digest = inputs_digest(build)
        if store.has(build.tag) and store.config(build.tag).labels.get(INPUTS) == digest:
            continue
        say(f"building {build.tag}")
        command, *rest = build_command(build)
        log = store.folder / f"{build.service}.log"
        # No layer of a step is kept: with vfs each is a copy of everything below it. The caches of
        # pip and npm are what makes a second build fast.
        label = f"--label={INPUTS}={digest}"
        store.buildah(command, "--layers=false", label, *base.build_options(), *rest, log=log)


def _show(store: Store, builds: Sequence[Build]) -> int:
    wrong = 0
    for build in builds:
        config = store.config(build.tag)
        with store.opened(build.tag) as root:
            contents = read_contents(root)
            flaws = [*problems(root, build), *secrets_in_image(root, config)]
        sizes = ", ".join(f"{p.name} {_mb(p.bytes)}" for p in contents.largest())
        print(
            f"{build.tag:<28} {_mb(contents.bytes):>9}: own code {_mb(contents.app)}, "
            f"page {_mb(contents.web)}, weights {_mb(contents.weights)}; largest: {sizes}"
        )
        for flaw in flaws:
            print(f"  WRONG: {flaw}")
        wrong += bool(flaws)
    return int(wrong > 0)


def _write_sboms(store: Store, builds: Sequence[Build], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for build in builds:
        with store.opened(build.tag) as root:
            contents = read_contents(root)
        path = folder / f"{build.service}.cdx.json"
        path.write_text(sbom(build, contents), encoding="utf-8")
        print(path)


def _audit() -> int:
    locks = sorted(path for path in (ROOT / "requirements").glob("*.txt") if path.stem != "dev")
    audits = [*advisories.audit_python(locks), advisories.audit_web()]
    lines, passed = advisories.report(audits, advisories.read_waivers(), today=date.today())
    print("\n".join(lines))
    return 0 if passed else 1


def write_secrets(example: Path, target: Path) -> None:
    """Copy a file of settings with a random value for each that has none; never overwrite one."""
    if target.exists():
        return
    lines = [
        f"{line}{secrets.token_hex(24)}" if line.endswith("=") else line
        for line in example.read_text(encoding="utf-8").splitlines()
    ]
    with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as draft:
        draft.write("\n".join(lines) + "\n")
    # The file is new, and only its owner may read it.
    Path(draft.name).rename(target)
    say(f"{target.name} has new random secrets")


def say(line: str) -> None:
    """Show one line of progress."""
    print(line, file=sys.stderr, flush=True)


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
