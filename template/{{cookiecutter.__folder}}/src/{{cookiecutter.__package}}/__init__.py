"""{{ cookiecutter.description }}: who this service is."""

import os
from importlib.metadata import version

NAME = "{{ cookiecutter.name }}"
VERSION = version(NAME)
# What runs, as the machine names it: a package's version and a digest of its settings; just the version elsewhere.
RELEASE = os.environ.get("{{ cookiecutter.__package | upper }}_RELEASE") or VERSION
