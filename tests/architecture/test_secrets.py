"""Nothing in the repository is a secret, or a path of somebody's machine."""

import re

from tests.architecture.sources import ROOT, tracked

PRIVATE = re.compile(
    rb"-----BEGIN (EC |RSA |OPENSSH )?PRIVATE KEY-----|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{36}"
)
HOME = re.compile(rb"/(home/(?!cratedig)|Users/)[a-z][a-z0-9_-]*/|/root/|/work/[a-z]+")
INDEX = re.compile(rb"(pypi\.org|files\.pythonhosted|registry\.npmjs|proxy\.golang|repo1?\.maven)")


def _offending(pattern: re.Pattern[bytes]) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.stat().st_size < 1 << 20
        and path.name != "test_secrets.py"
        and pattern.search(path.read_bytes())
    ]


def test_no_private_key_is_committed() -> None:
    assert not _offending(PRIVATE)


def test_no_path_of_a_machine_is_committed() -> None:
    assert not _offending(HOME)


def test_no_index_address_is_committed() -> None:
    assert not _offending(INDEX)
