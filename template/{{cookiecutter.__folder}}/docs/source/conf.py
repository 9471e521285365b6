"""Sphinx settings. Name and version stand in setup.cfg, so that a release changes them in one place."""

import sys
from configparser import RawConfigParser
from pathlib import Path

from {{ cookiecutter.__package }}.application import create_app
from {{ cookiecutter.__package }}.openapi import describe

_here = Path(__file__).parent
sys.path.insert(0, str(_here))
from api_reference import render  # noqa: E402

_setup = RawConfigParser()
_setup.read(_here.parents[1] / "setup.cfg", encoding="utf-8")

project = _setup["metadata"]["name"]
author = _setup["metadata"]["author"]
release = version = _setup["metadata"]["version"]
html_theme = "alabaster"

# A page that is made, not kept: it says what the service of this checkout does.
(_here / "api.rst").write_text(render(describe(create_app(log_to_terminal=True))), encoding="utf-8")
