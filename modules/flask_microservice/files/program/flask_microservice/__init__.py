"""Switch the releases of the Flask microservices of this node.

A release is a package version with one config: a copy of the virtualenv (hard links), of the config and of the unit
that runs them, under /opt/releases/NAME/RELEASE. It never changes. NAME.socket owns the port; NAME@RELEASE.service runs
on it; NAME.service wants the release that serves, and is the one place that says which that is.

A switch prepares the declared release, tries it where no client reaches it (NAME-check@RELEASE.service, on a socket of
its own), and only then starts it on the port and stops the old one. Whatever fails on the way leaves the old one
serving.

Where to look: what a command does is in commands.py, the order of a switch in switching.py, why a release is refused in
starting.py, and what `status` compares in status.py. The units that are written are in unit_texts.py and serving.py.
"""
