"""What `fleet verify` prints: a line for each node on which all is as declared, and what is not, in plain words."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from _pytest.config import create_terminal_writer

from fleet_cli.fleet import asking
from fleet_cli.verification.expecting import SILENT, Finding

_NODE, _SERVICE = "node", "service"
"""Properties of a test, which are in the JUnit file, too."""


@dataclass
class _Tally:
    """What became of the checks of one node."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    skipped: dict[str, None] = field(default_factory=dict)


class Reporter:
    """In the place of pytest's own."""

    def __init__(self, config: pytest.Config, nodes: Sequence[str]) -> None:
        self._repo = config.rootpath
        self._tw = create_terminal_writer(config)  # by this name pytest asks for it, to word a failed assertion
        self._nodes = {name: _Tally() for name in nodes}
        self._others = _Tally()
        self._errors: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note which node and service a test is about."""
        params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        for name in ("node", "service", "balanced"):
            if name in params:
                subject = params[name]
                node = subject if name == "node" else subject.node
                item.user_properties.append((_NODE, node.name))
                if name != "node":
                    item.user_properties.append((_SERVICE, subject.name))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Of a check of ours only its sentence counts; of one's own test, where and why it failed."""
        report = yield
        if call.excinfo and report.failed:
            error = call.excinfo.value
            if isinstance(error, Finding):
                report.longrepr = str(error)
            said = str(error).strip().splitlines() or [type(error).__name__]
            where = "" if isinstance(error, Finding) else f"{self._place(item)}: {type(error).__name__}: "
            report.user_properties.append(("failure", where + said[0]))
        return report

    def _place(self, item: pytest.Item) -> str:
        path = item.path.relative_to(self._repo) if item.path.is_relative_to(self._repo) else item.path
        return f"{path} {item.name}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a check."""
        about = dict(report.user_properties)
        tally = self._nodes.get(str(about.get(_NODE)), self._others)
        if report.failed:
            service = f"{about[_SERVICE]}: " if _SERVICE in about else ""
            tally.failures.append(service + str(about.get("failure", report.nodeid)))
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            if (reason := reason.removeprefix("Skipped: ")) != SILENT:
                tally.skipped[reason] = None
        elif report.when == "call":
            tally.passed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file of tests that can't be read."""
        if report.failed:
            self._errors.append(f"{report.nodeid}: can't be read: {_last(report.longreprtext)}")

    def pytest_internalerror(self, excrepr: Any) -> bool:
        """Say it whole: it is nobody's mistake but that of a plugin."""
        print(str(excrepr))
        return True

    def pytest_sessionfinish(self) -> None:
        """Say what came of each node."""
        for node, tally in self._nodes.items():
            self._show(node, tally)
        if self._others != _Tally():
            self._show("not about a node", self._others)
        for error in self._errors:
            print(asking.printable(error))

    def _show(self, name: str, tally: _Tally) -> None:
        name = asking.printable(name)
        checks = tally.passed + len(tally.failures)
        if tally.failures:
            print(f"{name}: {len(tally.failures)} of {checks} checks failed")
        elif checks:
            print(f"{name}: as declared, {checks} check{'' if checks == 1 else 's'}")
        else:
            print(f"{name}: nothing was checked")
        for failure in tally.failures:
            print(f"  {asking.printable(failure)}")
        for reason in tally.skipped:
            print(f"  not checked: {asking.printable(reason)}")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("E").strip() if lines else "no reason given"
