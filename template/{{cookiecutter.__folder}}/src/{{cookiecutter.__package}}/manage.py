"""The command {{ cookiecutter.name }}: what is done with the service by hand."""

import json

import click
from flask import Flask, current_app
from flask.cli import FlaskGroup, NoAppException, routes_command, run_command, shell_command, with_appcontext

from . import NAME, VERSION, application, database_commands, settings_schema
from .openapi import describe
from .settings import SCHEMA, SettingsError, trace_settings


class _Refused(NoAppException):
    """Shown as it is, without the usage lines that a mistyped command gets."""

    show = click.ClickException.show


def _create_app() -> Flask:
    try:
        app = application.create_app(log_to_terminal=True)
    except SettingsError as error:
        raise _Refused(str(error)) from None
    database_commands.migrate.init_app(app)
    return app


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


cli.add_command(database_commands.commands)


@click.command()
@click.option("--schema", is_flag=True, help="Print what each setting may be instead (JSON Schema).")
def config(schema: bool) -> None:
    """Print the settings in force and where each comes from, secrets masked."""
    if schema:
        click.echo(json.dumps(settings_schema.describe(), indent=2))
        return
    try:
        settings = trace_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    for section, keys in settings.items():
        click.echo(f"[{section}]")
        for key, setting in keys.items():
            click.echo(f"# {setting.source}")
            click.echo(f"{key} = {SCHEMA[section][key].shown(setting.value)}".rstrip())


@click.command()
@with_appcontext
def openapi() -> None:
    """Print the description of the API (OpenAPI)."""
    click.echo(json.dumps(describe(current_app), indent=2))


cli.add_command(config)
cli.add_command(openapi)
