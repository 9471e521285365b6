"""{{ cookiecutter.description }}: who this service is."""

from importlib.metadata import version

NAME = "{{ cookiecutter.name }}"
VERSION = version(NAME)
