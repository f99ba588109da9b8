"""Base images made on this machine from Debian's packages, where no image registry is reached.

They stand for the two that the Dockerfile names, and hold the same programs: Python of Debian 12
and, for the web client, the Node that is installed here.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy.images.builds import ImageError
from deploy.images.store import Store, require

SUITE = "bookworm"
PYTHON_IMAGE = f"localhost/cratedig-base/python:{SUITE}"
NODE_IMAGE = f"localhost/cratedig-base/node:{SUITE}"
PYTHON_PACKAGES = ("python3", "python3-venv", "ca-certificates", "netbase", "tzdata")
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATE_FOLDERS = (
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
"""The system's bundle, and the two folders that its links lead to."""


def make_bases(store: Store, say: Callable[[str], None]) -> None:
    """Make both base images, if the store does not hold them.

    Raises
    ------
    ImageError
        A program is missing, or this system's packages come from no mirror of Debian.
    """
    if not store.has(PYTHON_IMAGE):
        say("making the base image of Python (two minutes, once)")
        _make_python(store)
    if not store.has(NODE_IMAGE):
        say("making the base image of Node")
        _make_node(store)


def build_options() -> tuple[str, ...]:
    """Return the options by which a build uses this machine's bases and certificates."""
    arguments = {"PYTHON_IMAGE": PYTHON_IMAGE, "NODE_IMAGE": NODE_IMAGE}
    folders = [folder for folder in CERTIFICATE_FOLDERS if Path(folder).is_dir()]
    if CERTIFICATES.is_file():
        names = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
        arguments |= dict.fromkeys(names, str(CERTIFICATES))
    return (
        "--pull-never",
        *(part for name in arguments for part in ("--build-arg", f"{name}={arguments[name]}")),
        *(part for folder in folders for part in ("--volume", f"{folder}:{folder}:ro")),
    )


def _make_python(store: Store) -> None:
    root = store.folder / "base"
    shutil.rmtree(root, ignore_errors=True)
    try:
        _run(
            *(require("debootstrap"), "--variant=minbase"),
            *(f"--include={','.join(PYTHON_PACKAGES)}", SUITE, str(root), _mirror()),
        )
        for pattern in ("var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/log/*.log"):
            for path in root.glob(pattern):
                path.unlink()
        for path in (root / "var" / "lib" / "apt" / "lists").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (root / "usr" / "local" / "bin" / "python").symlink_to("../../bin/python3")
        container = store.buildah("from", "scratch")
        store.buildah("add", "--quiet", container, str(root), "/")
        store.buildah("config", "--cmd", "python", "--env", f"PATH={PATH}", container)
        store.buildah("commit", "--quiet", "--rm", container, PYTHON_IMAGE)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _make_node(store: Store) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise ImageError("The gateway's image needs Node 20 with npm: install nodejs and npm.")
    # npm is a link to bin/npm-cli.js of its package.
    package = Path(npm).resolve().parents[1]
    container = store.buildah("from", "--pull-never", PYTHON_IMAGE)
    modules = "/usr/local/lib/node_modules/npm"
    store.buildah("copy", "--quiet", container, str(Path(node).resolve()), "/usr/local/bin/node")
    store.buildah("copy", "--quiet", container, str(package), modules)
    link = ("ln", "-s", f"{modules}/bin/npm-cli.js", "/usr/local/bin/npm")
    store.buildah("run", container, "--", *link)
    store.buildah("commit", "--quiet", "--rm", container, NODE_IMAGE)


def _mirror() -> str:
    """Return the address of the mirror of Debian that this system's packages come from."""
    targets = _run(
        *("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)"),
        "Created-By: Packages",
    )
    for line in targets.splitlines():
        address, _, origin = line.partition(" ")
        if origin == "Debian" and address.rstrip("/").endswith("/debian"):
            return address
    raise ImageError("apt's sources name no mirror of Debian, from which to make a base image.")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        tail = (done.stderr or done.stdout)[-1500:].strip()
        raise ImageError(f"`{Path(command[0]).name}` failed:\n{tail}")
    return done.stdout
