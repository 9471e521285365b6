"""Debian root file systems, and what is made from Debian's packages."""
