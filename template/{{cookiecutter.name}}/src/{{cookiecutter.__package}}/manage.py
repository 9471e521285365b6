"""The command {{ cookiecutter.name }}: what is done with the service by hand."""

import click
from flask import Flask
from flask.cli import FlaskGroup, NoAppException, routes_command, run_command, shell_command

from . import NAME, VERSION, application
from .settings import SCHEMA, SettingsError, find_site_file, load_settings


class _Refused(NoAppException):
    """Shown as it is, without the usage lines that a mistyped command gets."""

    show = click.ClickException.show


def _create_app() -> Flask:
    try:
        return application.create_app(log_to_terminal=True)
    except SettingsError as error:
        raise _Refused(str(error)) from None


cli = FlaskGroup(
    name=NAME,
    help="{{ cookiecutter.description }}.",
    create_app=_create_app,
    add_default_commands=False,
    add_version_option=False,
    load_dotenv=False,
    context_settings={"default_map": {"runserver": {"port": 7000}}},
)
cli = click.version_option(VERSION, prog_name=NAME)(cli)
cli.add_command(run_command, "runserver")
cli.add_command(shell_command)
cli.add_command(routes_command)


@click.command()
def config() -> None:
    """Print the effective settings, secrets masked."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"# The defaults, then {find_site_file() or 'no file of the site'}.")
    for section, values in settings.items():
        click.echo(f"[{section}]")
        for key, value in values.items():
            masked = value and SCHEMA[section][key].secret
            click.echo(f"{key} = {'********' if masked else '' if value is None else value}".rstrip())


cli.add_command(config)
