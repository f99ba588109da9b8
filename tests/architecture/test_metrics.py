"""Every metric that is declared is set, and the page for operators names only real ones."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = [
    path
    for folder in ("kit", "gateway", "services", "embedded")
    for path in (ROOT / folder).rglob("*.py")
]
NAME = r"((?:library|jobs?|worker|event|http)_[a-z_]+)"
DECLARED = re.compile(rf'^([A-Z_]+) = \w+\(\s*"{NAME}"', re.MULTILINE)


def declared() -> dict[str, str]:
    """Return the metrics by the constant that holds each."""
    return {
        constant: name
        for path in PRODUCT
        for constant, name in DECLARED.findall(path.read_text(encoding="utf-8"))
    }


def test_every_metric_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PRODUCT)
    # Its declaration, and where it is set or imported from.
    unused = [
        name
        for constant, name in declared().items()
        if len(re.findall(rf"\b{constant}\b", code)) < 2
    ]
    assert not unused


def test_the_page_for_operators_names_real_metrics() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    table = "\n".join(rows[: next(i for i, r in enumerate(rows) if "event_loop_lag" in r) + 1])
    named = set(re.findall(rf"`{NAME}`", table))
    assert named
    assert named <= set(declared().values())
