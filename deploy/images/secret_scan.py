"""Find secrets in a folder or in an image: files that hold some by their name, and known formats.

The formats are those of tokens with a fixed prefix, of private keys, and of this project's own
settings. A secret without any format is found only in a setting, and binary files are not read.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.images.store import ImageConfig

FILE_NAMES = frozenset(
    {".env", ".netrc", ".pypirc", ".npmrc", ".git", ".ssh", ".aws", ".kube", ".docker"}
    | {"id_rsa", "id_ecdsa", "id_ed25519", "credentials.json", "secrets.json"}
)
SETTINGS = (
    *("KIT_INTERNAL_SECRET", "KIT_OBJECTS_SIGNING_SECRET", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    *("POSTGRES_PASSWORD", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"),
)
FORMATS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}"),
    "a key of AWS": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})"),
    "a token of GitLab": re.compile(rb"\bglpat-[\w-]{20,}"),
    "a token of a package index": re.compile(rb"\b(?:pypi-AgE\w{40,}|npm_[A-Za-z0-9]{36}\b)"),
    "a token of Hugging Face": re.compile(rb"\bhf_[A-Za-z]{34}\b"),
    "a token of Slack": re.compile(rb"\bxox[baprs]-[\w-]{20,}"),
    "the value of a secret setting": re.compile(
        rb"\b(?:" + "|".join(SETTINGS).encode() + rb")[\"']?[ ]*[=:][ ]*[\"']?[^\s\"'${}<>(),]{8,}"
    ),
}
PASSWORD_IN_ADDRESS = re.compile(
    rb"\b(?:https?|postgresql(?:\+\w+)?|s3\+https?)://[^\s/:@\"'{}<>$]+:[^\s/:@\"'{}<>$]{8,}@[\w.-]+"
)
"""Not looked for in packages, whose documentation shows such addresses."""
SCANNED = ("app", "etc", "home", "root", "opt", "srv", "venv")
"""Folders of an image that a build fills; the others come from the base image's packages."""
MAX_BYTES = 4 << 20
"""Larger files are libraries and weights."""


def secrets_in_image(root: Path, config: ImageConfig) -> list[str]:
    """Return what looks like a secret in an image's files, environment or history."""
    leaks = [
        f"/{path.relative_to(root)} {what}"
        for folder in SCANNED
        for path, what in secrets_in_folder(root / folder)
    ]
    texts = [*config.history, *(f"{name}={value}" for name, value in config.environment.items())]
    for text in texts:
        leaks += [f"the image's configuration holds {what}" for what in _formats(text.encode())]
    return leaks


def secrets_in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that looks like a secret or holds one, with a clause that says which."""
    for path in sorted(folder.rglob("*")):
        if path.name in FILE_NAMES:
            yield path, "has the name of a file of secrets"
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES:
            content = path.read_bytes()
            # Libraries hold the keys of their self-tests.
            if b"\0" in content[:1024]:
                continue
            for what in _formats(content, documented="site-packages" in path.parts):
                yield path, f"holds {what}"


def _formats(content: bytes, *, documented: bool = False) -> Iterator[str]:
    for name, pattern in FORMATS.items():
        if pattern.search(content):
            yield name
    if not documented and PASSWORD_IN_ADDRESS.search(content):
        yield "an address with a password"
