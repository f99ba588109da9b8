"""Each alert fires in the state that it means and in no quieter one, as Prometheus evaluates it."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.k8s.dashboard import PANELS
from deploy.servers.base import ServerError
from deploy.tools.promtool import promtool
from tests.architecture.sources import ROOT, sources

MONITORING = Path(__file__).parents[2] / "deploy" / "k8s" / "components" / "monitoring"
RULES = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))["spec"]
QUIET = {
    "library_silent_jobs": "0x200",
    "library_untold_endings": "0x200",
    "library_unsent_events": "0x200",
    "library_damaged_artifacts": "0x200",
    "library_miscounted_owners": "0x200",
    "library_abandoned_uploads": "0x200",
    'library_gauge_errors_total{gauge="jobs"}': "3x200",
    "library_damaged_tag_files_total": "1x200",
    'library_jobs{task="midi",state="queued"}': "20x200",
    'worker_child_starts_total{task="midi"}': "0+1x200",
    'http_connections_refused_total{why="all"}': "7x200",
    'event_loop_lag_seconds{pod="library-1"}': "0.2x200",
    'library_webhook_attempts_total{outcome="delivered"}': "0+5x200",
    'library_webhook_attempts_total{outcome="failed"}': "0+1x200",
}
"""Series of a server in which nothing is wrong, a sample a minute."""
STATES: Mapping[str, tuple[Mapping[str, str], str, Mapping[str, str]]] = {
    "CratedigLibraryGaugesMissing": ({"library_silent_jobs": "0x20 stale"}, "60m", {}),
    "CratedigLibraryGaugeFails": (
        {'library_gauge_errors_total{gauge="jobs"}': "0x50 0+1x150"},
        "60m",
        {"gauge": "jobs"},
    ),
    "CratedigSilentJobs": ({"library_silent_jobs": "0x40 2x160"}, "60m", {}),
    "CratedigUntoldEndings": ({"library_untold_endings": "0x40 1x160"}, "60m", {}),
    "CratedigUnsentEvents": ({"library_unsent_events": "0x40 9x160"}, "60m", {}),
    "CratedigDamagedArtifacts": ({"library_damaged_artifacts": "0x59 1x160"}, "60m", {}),
    "CratedigDamagedTagFiles": (
        {"library_damaged_tag_files_total": "1x50 2x150"},
        "60m",
        {},
    ),
    "CratedigMiscountedOwners": ({"library_miscounted_owners": "0x40 1x160"}, "60m", {}),
    "CratedigAbandonedUploads": ({"library_abandoned_uploads": "0x10 4x190"}, "150m", {}),
    "CratedigQueueGrows": (
        {'library_jobs{task="midi",state="queued"}': "20+5x200"},
        "120m",
        {"task": "midi"},
    ),
    "CratedigChildrenCrash": (
        {'worker_child_starts_total{task="midi"}': "0+4x200"},
        "60m",
        {"task": "midi"},
    ),
    "CratedigConnectionsRefused": (
        {'http_connections_refused_total{why="all"}': "0+50x200"},
        "60m",
        {"why": "all"},
    ),
    "CratedigEventLoopBlocked": (
        {'event_loop_lag_seconds{pod="library-1"}': "0.2x40 3x160"},
        "60m",
        {"pod": "library-1"},
    ),
    "CratedigWebhooksFail": (
        {'library_webhook_attempts_total{outcome="delivered"}': "5x200"},
        "60m",
        {},
    ),
}
"""By alert: the series that mean its state, when it must fire, and the labels that it names."""


@pytest.fixture(scope="module")
def checker() -> Path:
    try:
        return promtool(print)
    except ServerError as error:
        pytest.skip(str(error))


def _alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}


def _run(checker: Path, folder: Path, tests: list[dict[str, Any]]) -> str:
    """Run tests of rules; return what promtool says about those that fail."""
    (folder / "rules.yaml").write_text(json.dumps(RULES))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (folder / "tests.yaml").write_text(json.dumps(document))
    done = subprocess.run(
        [checker, "test", "rules", "tests.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _test(series: Mapping[str, str], at: str, firing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"alertname": name, "eval_time": at, "exp_alerts": firing.get(name, [])}
            for name in _alerts()
        ],
    }


def test_the_dashboard_asks_for_metrics_that_exist(checker: Path, tmp_path: Path) -> None:
    expressions = [expression for panel in PANELS for expression, _ in panel.expressions]
    source = " ".join(path.read_text(encoding="utf-8") for path in sources("kit", "services"))
    for expression in expressions:
        for metric in re.findall(r"\b(?:library|worker|jobs?|http|event)_[a-z_]+", expression):
            known = re.sub("_(count|bucket)$", "", metric)
            assert f'"{known}"' in source, metric
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    (tmp_path / "panels.yaml").write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))
    subprocess.run([checker, "check", "rules", "panels.yaml"], cwd=tmp_path, check=True)


def test_every_alert_has_a_state() -> None:
    assert STATES.keys() == _alerts().keys()


def test_no_alert_fires_where_nothing_is_wrong(checker: Path, tmp_path: Path) -> None:
    assert not _run(checker, tmp_path, [_test(QUIET, at, {}) for at in ("20m", "60m", "150m")])


@pytest.mark.parametrize("name", STATES)
def test_an_alert_fires_in_its_state_and_no_other_does(
    name: str, checker: Path, tmp_path: Path
) -> None:
    series, at, labels = STATES[name]
    rule = _alerts()[name]

    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)

    alert = {
        "exp_labels": {**rule["labels"], **labels},
        "exp_annotations": {key: filled(text) for key, text in rule["annotations"].items()},
    }
    assert not _run(checker, tmp_path, [_test({**QUIET, **series}, at, {name: [alert]})])


def test_the_operators_page_explains_every_alert() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `(Cratedig\w+)` \|", page, re.MULTILINE))
    assert explained == _alerts().keys()
