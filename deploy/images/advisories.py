"""Known vulnerabilities of what the images install: pip-audit for Python, npm audit for the page.

Both ask the index of the user's own settings. If it has no advisories or cannot be reached, the
answer is `not checked`, which is not `none known`.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from deploy.images.builds import ROOT

WAIVERS = Path(__file__).with_name("waivers.toml")
TIMEOUT = 600.0
"""Seconds that one tool may take."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability of a package."""

    id: str
    package: str
    version: str
    fixed: tuple[str, ...] = ()
    """Versions without it."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """An advisory that is accepted until a day."""

    advisory: str
    package: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of one lock."""

    subject: str
    advisories: tuple[Advisory, ...] = ()
    not_checked: str = ""
    """Why nothing is known; empty if the lock was checked."""


def read_waivers(path: Path = WAIVERS) -> tuple[Waiver, ...]:
    """Return the waivers of a file."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Waiver(**entry) for entry in content.get("waivers", ()))


def report(
    audits: Iterable[Audit], waivers: Sequence[Waiver], *, today: date
) -> tuple[list[str], bool]:
    """Return a line for each result, and whether no advisory is left without a valid waiver.

    What was not checked does not fail: the line says so.
    """
    lines: list[str] = []
    passed = True
    for audit in audits:
        if audit.not_checked:
            lines.append(f"not checked  {audit.subject}: {audit.not_checked}")
            continue
        if not audit.advisories:
            lines.append(f"none known   {audit.subject}")
        for advisory in audit.advisories:
            what = f"{audit.subject}: {advisory.package} {advisory.version}, {advisory.id}"
            waiver = next(
                (w for w in waivers if (w.advisory, w.package) == (advisory.id, advisory.package)),
                None,
            )
            if waiver is not None and today <= waiver.until:
                lines.append(f"waived       {what} until {waiver.until}: {waiver.reason}")
                continue
            passed = False
            fix = f"; fixed in {', '.join(advisory.fixed)}" if advisory.fixed else "; not fixed yet"
            expired = f"; the waiver ended on {waiver.until}" if waiver is not None else ""
            lines.append(f"VULNERABLE   {what}{fix}{expired}")
    return lines, passed


def audit_python(locks: Sequence[Path]) -> list[Audit]:
    """Ask pip-audit about locks, one after the other."""
    audits: list[Audit] = []
    for lock in locks:
        command = (
            *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes"),
            *("--disable-pip", "--format", "json", "--progress-spinner", "off"),
        )
        output, problem = _output(command, ROOT)
        audits.append(read_pip_audit(lock.name, output, problem))
        # What is not reached for one lock is not reached for the others.
        if audits[-1].not_checked:
            rest = locks[len(audits) :]
            audits += [Audit(other.name, not_checked="as above") for other in rest]
            break
    return audits


def audit_web(folder: Path = ROOT / "clients" / "web") -> Audit:
    """Ask npm about the packages of which the web client's page is made."""
    output, problem = _output(("npm", "audit", "--omit=dev", "--json"), folder)
    return read_npm_audit("clients/web/package-lock.json", output, problem)


def read_pip_audit(subject: str, output: str, problem: str) -> Audit:
    """Read pip-audit's JSON; a package that it skipped makes the whole lock `not checked`."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit(subject, not_checked=_last_line(problem) or "pip-audit printed no result")
    skipped = [package for package in packages if "skip_reason" in package]
    if skipped:
        first = f"{skipped[0]['name']}: {skipped[0]['skip_reason']}"
        return Audit(
            subject, not_checked=f"{len(skipped)} of {len(packages)} packages, first {first}"
        )
    return Audit(
        subject,
        tuple(
            Advisory(entry["id"], package["name"], package["version"], (*entry["fix_versions"],))
            for package in packages
            for entry in package["vulns"]
        ),
    )


def read_npm_audit(subject: str, output: str, problem: str) -> Audit:
    """Read the JSON of `npm audit`."""
    try:
        vulnerabilities: dict[str, Any] = json.loads(output)["vulnerabilities"]
    except (ValueError, KeyError, TypeError):
        return Audit(subject, not_checked=_npm_error(output) or _last_line(problem))
    return Audit(
        subject,
        tuple(
            Advisory(str(via["url"]).rpartition("/")[2], name, entry["range"])
            for name, entry in vulnerabilities.items()
            for via in entry["via"]
            if isinstance(via, dict)
        ),
    )


def _npm_error(output: str) -> str:
    try:
        content = json.loads(output)
        error = content.get("error", {})
        return str(error.get("summary") or content.get("message") or "")
    except (ValueError, AttributeError):
        return ""


def _output(command: tuple[str, ...], folder: Path) -> tuple[str, str]:
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except FileNotFoundError:
        return "", f"`{command[0]}` is not installed"
    except subprocess.TimeoutExpired:
        return "", f"no answer within {TIMEOUT:.0f} s"
    return done.stdout, done.stderr


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""
