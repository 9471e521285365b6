"""The documents: what they tell a reader to type exists, what they lead to is there, what is generated is current."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fleet_cli.development import reference, suite
from fleet_cli.validation import codes

from .documents import (
    Document,
    all_commands,
    command_problems,
    commands_named,
    link_problems,
    option_problems,
    path_problems,
    read,
)

REPO = Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(REPO).as_posix() for path in (REPO / "docs").glob("*.md"))
MODULE = "modules/flask_microservice"
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *PAGES, f"{MODULE}/README.md"]
BENCHMARKS = sorted(path.relative_to(REPO).as_posix() for path in REPO.glob("benchmarks/*/README.md"))


@pytest.mark.parametrize("name", [*DOCUMENTS, *BENCHMARKS])
def test_each_fleet_command_of_a_document_exists(name: str) -> None:
    assert list(command_problems(read(REPO, name))) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_option_of_a_document_exists(name: str) -> None:
    assert list(option_problems(read(REPO, name))) == []


@pytest.mark.parametrize("name", [*DOCUMENTS, *BENCHMARKS, "CHANGELOG.md"])
def test_each_link_of_a_document_leads_somewhere(name: str) -> None:
    assert list(link_problems(REPO, read(REPO, name))) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_path_of_code_in_a_document_exists(name: str) -> None:
    assert list(path_problems([REPO, REPO / MODULE], read(REPO, name))) == []


ON_A_COMMAND_LINE = re.compile(
    r"eyaml encrypt\b.* (-s|--string)\b|--(password|token|secret)[= ](?!<)\S|\becho .*(password|secret|token).*\|",
    re.IGNORECASE,
)
"""A secret that every account of a machine can read while the command runs, and that a shell keeps."""


@pytest.mark.parametrize("name", [*DOCUMENTS, *BENCHMARKS])
def test_no_document_puts_a_secret_on_a_command_line(name: str) -> None:
    lines = (REPO / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if ON_A_COMMAND_LINE.search(line)] == []


def test_no_hint_puts_a_secret_on_a_command_line() -> None:
    files = [path for path in (REPO / "scripts").rglob("*") if path.suffix in {".py", ".rb", ""} and path.is_file()]
    assert files
    assert [
        path.name for path in files if "eyaml encrypt -s" in path.read_text(encoding="utf-8", errors="replace")
    ] == []


def test_a_path_that_there_is_not_is_found_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    document = Document("docs/page.md", "In `site/` and\n`lib/none.rb`, of `site/ROLE.yaml`.\n")
    assert list(path_problems([tmp_path], document)) == ["docs/page.md:2: there is no file lib/none.rb"]


COMMANDS = {
    "    scripts/fleet lab up      # a lab": "",
    "    scripts/fleet lab upp": "there is no command 'upp'",
    "    scripts/fleet run --nope": "No such option '--nope'",
    "    scripts/fleet run --noop > runs 2> errors": "",
    "    scripts/fleet deploy one two": "unexpected argument 'two'",
    "    scripts/fleet deploy --tier": "Option '--tier' requires an argument",
    "    scripts/fleet build": "Missing argument 'DIR'",
    "    scripts/fleet build nowhere": "",
    "    cd there && scripts/fleet build nowhere --output": "Option '--output' requires an argument",
    "    scripts/fleet test units": "'units' is none of",
    "    scripts/fleet test node -k rotated": "",
    "    scripts/fleet -D DIR validate": "No such option '-D'",
    "    $ scripts/fleet validat": "there is no command 'validat'",
    "    fleet: note that scripts/fleet says": "",
    "```\nscripts/fleet lap\n```": "there is no command 'lap'",
    "Say `fleet plan`, or `fleet build`.": "",
    "Say `fleet\nplans`.": "there is no command 'plans'",
    "Say `fleet lab [BOX…]`.": "",
    "| `fleet deploy [BRANCH\\|COMMIT] [--back] [--teir TIER]` |": "No such option '--teir'",
    "| `fleet test [unit\\|catalogs\\|node] [PYTEST_OPTIONS…]` |": "'catalogs' is none of",
    "With `--noop` and `--json`.": "",
    "With `--nope`.": "no fleet command has the option --nope",
}


@pytest.mark.parametrize(("text", "said"), COMMANDS.items(), ids=COMMANDS)
def test_a_command_that_there_is_not_is_found_with_its_line(text: str, said: str) -> None:
    document = Document("docs/page.md", f"# A page\n\n{text}\n")
    problems = [*command_problems(document), *option_problems(document)]
    line = 4 if text.startswith("```") else 3
    assert bool(problems) == bool(said), problems
    for problem in problems:
        assert problem.startswith(f"docs/page.md:{line}: ")
        assert said in problem


LINKS = {
    "[a](other.md), [b](other.md#two-words), [c](#a-page), [d](../README.md), [e](https://example.org/x#y)": "",
    "[a](othr.md)": "there is no file othr.md",
    "[a](other.md#two-wrods)": "other.md has no heading #two-wrods",
    "[a](#a-pag)": "docs/page.md has no heading #a-pag",
    "[a](../../etc)": "../../etc leads out of the repository",
    "[`a`](othr.md)": "there is no file othr.md",
    "`[a](othr.md)` is how a link is written": "",
}


@pytest.mark.parametrize(("text", "said"), LINKS.items(), ids=LINKS)
def test_a_link_that_leads_nowhere_is_found_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / "docs/other.md").write_text("# Other\n\n    # no heading\n\n## Two `words`!\n", encoding="utf-8")
    (tmp_path / "docs/page.md").write_text(f"# A page\n\n{text}\n", encoding="utf-8")
    expected = [f"docs/page.md:3: {said}"] if said else []
    assert list(link_problems(tmp_path, read(tmp_path, "docs/page.md"))) == expected


def test_the_readme_is_the_first_screen_and_leads_to_each_page() -> None:
    readme = read(REPO, "README.md")
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
    assert sorted(set(PAGES) - {link.text for link in readme.links}) == []


def test_the_page_of_commands_has_all_of_them() -> None:
    assert set(all_commands()) - commands_named(read(REPO, "docs/commands.md")) == set()


def test_what_the_code_says_of_a_page_is_there() -> None:
    files = [
        "git",
        "-C",
        str(REPO),
        "grep",
        "-nIE",
        r"docs/[a-z-]+\.md|README\.md, \"",
        "--",
        ".",
        ":!template",
        ":!*.md",
    ]
    lines = subprocess.run(files, capture_output=True, text=True, check=True).stdout.splitlines()
    wrong = []
    for line in lines:
        for page, heading in re.findall(r"(README\.md|docs/[a-z-]+\.md)(?:, \"([^\"]+)\")?", line):
            known = line.startswith("tests/unit/test_documents.py:") or (REPO / page).is_file()
            if not known or (heading and heading not in read(REPO, page).headings):
                wrong.append(line)
    assert wrong == []


def test_the_page_of_findings_says_what_the_code_does() -> None:
    written = (REPO / reference.FINDINGS).read_text(encoding="utf-8")
    assert written == reference.findings_page(), f"{reference.FINDINGS} is out of date: run `scripts/fleet reference`"


NO_CODES = {"check-ignore", "a-z", "dpkg-deb", "hiera-eyaml", "key-duplicates", "ls-files", "x-expected"}
"""Words in the sources of fleet validate that look like codes of findings."""


def test_each_code_of_a_finding_is_declared_once_with_a_sentence() -> None:
    text = "\n".join(reference.sources_of_findings().values())
    used = set(re.findall(r"[\"']([a-z]+(?:-[a-z]+)+)[\"']", text)) - NO_CODES
    assert used - codes.ALL.keys() == set(), "declare them in scripts/fleet_cli/validation/codes.py"
    assert {code for code in codes.ALL if not re.search(rf"[\"']{code}[\"']", text)} == set(), "no finding has them"
    assert len(codes.ALL) == sum(len(meanings) for meanings in codes.CODES.values()), "a code is declared twice"
    assert [code for code, meaning in codes.ALL.items() if not re.fullmatch(r"[A-Z`].*\.", meaning)] == []


def test_each_drill_is_documented() -> None:
    rows = [
        line for line in (REPO / "docs/testing.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(suite.drills(REPO))


def test_all_say_the_same_version() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "fleet_cli", "--version"], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(REPO / "scripts")},
    ).stdout  # fmt: skip
    version = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert said == f"fleet {version}\n"
    assert json.loads((REPO / MODULE / "metadata.json").read_text(encoding="utf-8"))["version"] == version
    newest = re.search(r"^## (.*)$", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert newest[1].split()[0] == version
