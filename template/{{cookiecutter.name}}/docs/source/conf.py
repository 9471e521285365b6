"""Sphinx settings. Name and version stand in setup.cfg, so that a release changes them in one place."""

from configparser import RawConfigParser
from pathlib import Path

_setup = RawConfigParser()
_setup.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")

project = _setup["metadata"]["name"]
author = _setup["metadata"]["author"]
release = version = _setup["metadata"]["version"]
html_theme = "alabaster"
