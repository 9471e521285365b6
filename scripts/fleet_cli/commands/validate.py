"""`fleet validate`: what is wrong with the control repository."""

import json
import sys
from pathlib import Path

import click

from fleet_cli.commands.context import Context, json_option, print_json
from fleet_cli.commands.puppet_choice import chosen, puppet_options
from fleet_cli.machine.errors import FleetError
from fleet_cli.machine.printable import printable
from fleet_cli.validation import report
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.hiera_check import Packages
from fleet_cli.validation.package_index import Repository

COULD_NOT_RUN = 2
SCHEMA = "dist/hieradata.schema.json"
SUITE = ("fleet", "main")
"""Suite and component of an apt repository that is given, as publish-package makes them."""


@click.command(short_help="Check Hiera, the Puppetfile and Puppet code.")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@json_option
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit XML file as well.")
@click.option("--write-schema", is_flag=True,
              help=f"Write the JSON Schema of Hiera's files, for editors, to {SCHEMA}, and check nothing.")  # fmt: skip
@click.option("--packages", metavar="DIR|URL",
              help="Where the services' packages are, if not in the apt repository that Hiera names:"
              " a directory of .deb files, or an apt repository.")  # fmt: skip
@puppet_options
@click.option("--require-packages", is_flag=True, help="Without the packages it could not be checked: exit status 2.")
@click.option("--no-style", is_flag=True, help="Leave out yamllint and puppet-lint.")
@click.pass_obj
def validate(  # noqa: PLR0917 - an option each
    context: Context,
    paths: tuple[Path, ...],
    as_json: bool,
    junit: Path | None,
    write_schema: bool,
    packages: str | None,
    require_packages: bool,
    kind: str,
    modules: Path | None,
    no_style: bool,
) -> None:
    """Check Hiera, the Puppetfile, Puppet code and templates, and say what is wrong where.

    With PATHs only what is wrong in these files and directories, or between them and others, is told. Nothing is
    compiled, no key is needed, and no machine is asked but the apt repository of the packages. docs/findings.md
    says what each code means.

    Exit status 0: nothing is wrong, 1: something is, 2: it could not be checked.
    """
    try:
        source = Packages(Repository(packages, *SUITE) if packages else None, require_packages)
        below = [_below(context.repo, path) for path in paths]
        with chosen(kind, modules) as using:
            validation = Validation(context.repo, below, source, not no_style, puppet=using.puppet, source=using.source)
            if write_schema:
                click.echo(_write_schema(validation))
                return
            findings = validation.findings()
        if junit:
            report.write_junit(junit, findings)
    except (FleetError, OSError) as error:
        click.echo(f"fleet: {printable(str(error))}", err=True)
        sys.exit(COULD_NOT_RUN)
    for note in validation.notes:
        click.echo(printable(f"fleet: {note}"), err=True)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            click.echo(printable(str(finding)))
        click.echo(report.summary(findings), err=True)
    sys.exit(1 if findings else 0)


def _write_schema(validation: Validation) -> Path:
    file = validation.repo / SCHEMA
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(validation.schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def _below(repo: Path, path: Path) -> str:
    """A path as the findings have it: below the repository.

    Raises:
        FleetError: it is elsewhere, or nothing is there.
    """
    # With -C a path may be meant as one of that repository.
    there = [full for full in (Path.cwd() / path, repo / path) if full.exists()]
    if not there:
        raise FleetError(f"{path}: there is no such file")
    for full in there:
        if full.resolve().is_relative_to(repo.resolve()):
            return str(full.resolve().relative_to(repo.resolve()))
    raise FleetError(f"{path}: not in the control repository {repo}")
