"""Rules for the tests on real servers."""

import os
from collections.abc import Generator

import pytest

from tests.support.timeouts import CLUSTER_TEST_TIMEOUT

REQUIRED = os.environ.get("CRATEDIG_CLUSTER") == "required"
"""Whether this run is made for the tests on real servers: a skipped one counts as failed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each test on real servers take its time: they, and processes, start as fast as they can.

    Its waits end with what they wait for; the limit ends a test that hangs.
    """
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.timeout(CLUSTER_TEST_TIMEOUT), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped while a test is prepared or run."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a whole file that is skipped: nobody knows which tests are in it."""
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must run here, but is skipped: {reason}"
