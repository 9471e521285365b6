"""Jenkins: the jobs render, the pipelines parse and are well formed, and what they call is there."""

import configparser
import contextlib
import itertools
import json
import shlex
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
import yaml
from fleet_cli.cli import fleet
from fleet_cli.roots import rootfs
from fleet_cli.services import templates

REPO = Path(__file__).resolve().parents[2]
PARSER = Path(__file__).with_name("jenkinsfile.groovy")

# https://www.jenkins.io/doc/book/pipeline/syntax: what may stand where in a declarative pipeline.
PIPELINE = {"agent", "environment", "libraries", "options", "parameters", "post", "stages", "tools", "triggers"}
STAGE = {"agent", "environment", "input", "options", "post", "steps", "stages", "tools", "when"}
OPTIONS = {"buildDiscarder", "disableConcurrentBuilds", "skipDefaultCheckout", "timeout", "timestamps"}
CONDITIONS = {"always", "changed", "cleanup", "failure", "fixed", "regression", "success", "unstable"}
STEPS = {"archiveArtifacts", "checkout", "deleteDir", "dir", "git", "junit", "sh"}

Node = dict[str, Any]


def parse(texts: list[str]) -> list[Node]:
    """Parse Jenkinsfiles by the Groovy that Jenkins has."""
    result = rootfs.run(
        "jenkins", ["groovy", "/parser.groovy"], binds={PARSER: "/parser.groovy"}, stdin=json.dumps(texts)
    )
    parsed: list[Node] = json.loads(result.stdout)
    return parsed


def faults(parsed: Node) -> list[str]:
    """What Jenkins would refuse in a parsed Jenkinsfile, each with its line."""
    if "error" in parsed:
        return [parsed["error"]]
    top = parsed["statements"]
    if [node.get("call") for node in top] != ["pipeline"]:
        return ["1: not one pipeline { } and nothing else"]
    return list(_pipeline_faults(top[0]))


def _pipeline_faults(pipeline: Node) -> Iterator[str]:
    sections = yield from _only(pipeline, PIPELINE)
    for required in ("agent", "stages"):
        if required not in sections:
            yield f"{pipeline['line']}: a pipeline without {required}"
    if "options" in sections:
        yield from _only(sections["options"], OPTIONS)
    if "post" in sections:
        yield from _post_faults(sections["post"])
    if "stages" in sections:
        yield from _stages_faults(sections["stages"])


def _stages_faults(stages: Node) -> Iterator[str]:
    if not stages["body"]:
        yield f"{stages['line']}: stages without a stage"
    titles: set[str] = set()
    for stage in stages["body"] or []:
        if stage.get("call") != "stage" or len(stage["arguments"]) != 1 or not stage["body"]:
            yield f"{stage['line']}: not a stage('NAME') {{ }}"
            continue
        (title,) = stage["arguments"]
        if title in titles:
            yield f"{stage['line']}: a second stage {title}"
        titles.add(title)
        sections = yield from _only(stage, STAGE)
        if len({"steps", "stages"} & set(sections)) != 1:
            yield f"{stage['line']}: stage {title} must have either steps or stages"
        if "steps" in sections:
            yield from _step_faults(sections["steps"])
        if "stages" in sections:
            yield from _stages_faults(sections["stages"])
        if "post" in sections:
            yield from _post_faults(sections["post"])


def _post_faults(post: Node) -> Iterator[str]:
    conditions = yield from _only(post, CONDITIONS)
    for condition in conditions.values():
        yield from _step_faults(condition)


def _step_faults(block: Node) -> Iterator[str]:
    if not block["body"]:
        yield f"{block['line']}: {block['call']} without a step"
    for step in block["body"] or []:
        if step.get("call") not in STEPS:
            yield f"{step['line']}: no step that these pipelines use: {step.get('call', step.get('other'))}"
        elif step["call"] == "sh" and not (len(step["arguments"]) == 1 and isinstance(step["arguments"][0], str)):
            yield f"{step['line']}: sh must be given one text without a variable in it"
        elif step["call"] == "dir":
            yield from _step_faults(step)


def _only(block: Node, known: set[str]) -> Generator[str, None, dict[str, Node]]:
    """Find in a block what is unknown or there twice; return the rest by name."""
    found: dict[str, Node] = {}
    for node in block["body"] or []:
        name = node.get("call", node.get("other"))
        if name not in known:
            yield f"{node['line']}: {name} has no place in {block['call']}"
        elif name in found:
            yield f"{node['line']}: a second {name} in {block['call']}"
        found[name] = node
    return found


def commands(node: Node, directory: str = "") -> Iterator[tuple[str, list[str]]]:
    """The commands of all sh steps below a node, each with the directory of the workspace that it runs in."""
    if node.get("call") == "sh":
        words = shlex.shlex(node["arguments"][0], posix=True, punctuation_chars=True)
        # What the shell does with its output and its exit status is not the command's matter.
        yield directory, list(itertools.takewhile(lambda word: not set(word) <= {*"<>|&;"}, words))
    below = f"{directory}{node['arguments'][0]}/" if node.get("call") == "dir" else directory
    for child in node.get("body") or node.get("statements") or []:
        yield from commands(child, below)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return templates.render("billing", tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module")
def pipelines(service: Path) -> dict[str, Node]:
    """The Jenkinsfile of this repository and that of a service, and those of BROKEN, parsed by one Groovy."""
    files = {"control": REPO / "Jenkinsfile", "service": service / "Jenkinsfile"}
    texts = {
        **{name: file.read_text(encoding="utf-8") for name, file in files.items()},
        **{text: text for text in BROKEN},
    }
    return dict(zip(texts, parse(list(texts.values())), strict=True))


@pytest.mark.parametrize("name", ["control", "service"])
def test_jenkins_would_take_the_pipeline(name: str, pipelines: dict[str, Node]) -> None:
    assert faults(pipelines[name]) == []


BROKEN = {
    "pipeline { agent any\nstages { stage('x') { steps { sh 'tox' } } }": "expecting '}'",
    "node { sh 'tox' }": "not one pipeline",
    "pipeline { stages { stage('x') { steps { sh 'tox' } } } }": "without agent",
    "pipeline { agent any\nstage { } }": "2: stage has no place in pipeline",
    "pipeline { agent any\nstages { } }": "stages without a stage",
    "pipeline { agent any\nstages { stage { steps { sh 'tox' } } } }": "2: not a stage('NAME')",
    "pipeline { agent any\nstages { stage('x') { sh 'tox' } } }": "2: sh has no place in stage",
    "pipeline { agent any\nstages { stage('x') { steps { } } } }": "steps without a step",
    "pipeline { agent any\nstages { stage('x') { steps { shell 'tox' } } } }": "2: no step that these pipelines use",
    "pipeline { agent any\nstages { stage('x') { steps { sh \"$X\" } } } }": "one text without a variable",
    "pipeline { agent any\nstages { stage('x') { steps { sh 'a' } }\nstage('x') { steps { sh 'b' } } } }": "3: a",
    "pipeline { agent any\nstages { stage('x') { steps { sh 'a' } } }\npost { alway { sh 'a' } } }": "3: alway",
}


def test_what_jenkins_would_refuse_is_found(pipelines: dict[str, Node]) -> None:
    for text, message in BROKEN.items():
        assert any(message in fault for fault in faults(pipelines[text])), (text, faults(pipelines[text]))


def assert_fleet_knows(arguments: list[str]) -> None:
    """Have the command line parsed as fleet itself does, without running anything."""
    command: click.Command = fleet
    context = command.make_context("fleet", list(arguments))
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(found.name, rest, parent=context)


@pytest.fixture(scope="module")
def workspaces(service: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each pipeline has in its workspace once it has checked out."""
    workspace = tmp_path_factory.mktemp("workspace")
    (workspace / "control").symlink_to(REPO)
    (workspace / "service").symlink_to(service)
    return {"control": REPO, "service": workspace}


@pytest.mark.parametrize(("name", "least"), [("control", 5), ("service", 3)])
def test_what_the_pipeline_calls_is_there(
    name: str, least: int, pipelines: dict[str, Node], workspaces: dict[str, Path]
) -> None:
    found = list(commands(pipelines[name]))
    assert len(found) >= least
    for directory, (program, *arguments) in found:
        with contextlib.chdir(workspaces[name] / directory):
            if program == "tox":
                assert arguments == []
                settings = configparser.ConfigParser(interpolation=None)
                settings.read("tox.ini")
                assert settings["tox"]["envlist"]
            else:
                assert Path(program).resolve() == REPO / "scripts/fleet", program
                assert_fleet_knows(arguments)


def test_a_command_that_fleet_does_not_have_is_noticed() -> None:
    for arguments in (["biuld", "."], ["build", "nowhere"], ["lab", "downn"], ["test", "units"]):
        with pytest.raises(click.UsageError):
            assert_fleet_knows(arguments)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElementTree.Element]:
    """The jobs as Jenkins is given them, for a list that has one more service, by name."""
    directory = tmp_path_factory.mktemp("jobs")
    text = (REPO / "jenkins/jobs.yaml").read_text(encoding="utf-8")
    longer = text.replace("      - orders\n", "      - orders\n      - billing:\n          service_branch: trunk\n")
    assert longer != text
    (directory / "jobs.yaml").write_text(longer, encoding="utf-8")
    output = tmp_path_factory.mktemp("output")
    rootfs.run(
        "jenkins", ["jenkins-jobs", "test", "--config-xml", "/jobs", "-o", "/output"],
        binds={directory: "/jobs", output: "/output"},
    )  # fmt: skip
    return {path.parent.name: ElementTree.parse(path).getroot() for path in output.rglob("config.xml")}  # noqa: S314


def test_each_service_of_the_list_has_its_job(jobs: dict[str, ElementTree.Element]) -> None:
    declared = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (REPO / "hieradata/services").glob("*.yaml")
    ]
    services = {name for data in declared for name in data["flask_microservice::services"]} | {"billing"}
    assert set(jobs) == {f"{service}-package" for service in services} | {"control-repository"}
    for service in services:
        job = jobs[f"{service}-package"]
        assert (job.findtext(".//scm//url") or "").endswith(f"/{service}.git")
        assert job.findtext("./definition/scriptPath") == "Jenkinsfile"
    assert jobs["billing-package"].findtext(".//branches//name") == "trunk"
    assert jobs["orders-package"].findtext(".//branches//name") == "main"


def test_the_job_has_each_parameter_that_the_pipeline_uses(jobs: dict[str, ElementTree.Element], service: Path) -> None:
    defined = {element.text for element in jobs["orders-package"].iterfind(".//parameterDefinitions//name")}
    used = {
        word.split(".")[1].rstrip(",)") for word in (service / "Jenkinsfile").read_text().split() if "params." in word
    }
    assert used
    assert used == defined
