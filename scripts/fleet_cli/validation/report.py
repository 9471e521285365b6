"""Findings as a person reads them, and as programs do."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from fleet_cli.repository.finding import Finding


def summary(findings: Sequence[Finding]) -> str:
    """One line at the end, for a person."""
    if not findings:
        return "nothing is wrong"
    files = len({finding.file for finding in findings})
    return f"{_counted(len(findings), 'finding')} in {_counted(files, 'file')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def write_junit(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings as JUnit XML: a failed test case each; one that passed if there is none."""
    suite = ElementTree.Element(
        "testsuite", name="fleet validate", tests=str(max(len(findings), 1)), failures=str(len(findings)), errors="0"
    )
    for finding in findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=finding.file, name=f"{finding.code} in line {finding.line}",
            file=finding.file, line=str(finding.line),
        )  # fmt: skip
        failure = ElementTree.SubElement(case, "failure", type=finding.code, message=_printable(finding.message))
        failure.text = _printable(str(finding))
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname="fleet", name="validate")
    top = ElementTree.Element("testsuites")
    top.append(suite)
    ElementTree.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """A text without the control characters that XML has not."""
    return "".join(each if each >= " " else " " for each in text)
