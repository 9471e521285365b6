"""Entry point of the build tools; what they build stands in setup.cfg."""

from setuptools import setup

setup()
