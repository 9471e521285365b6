"""`fleet validate`: what is wrong with a control repository, found without compiling a catalog.

Each check is in the file of its topic in checks/; docs/findings.md says which file finds which code. The files beside
that directory read what the checks look at, and run them: all_checks.py is the way in.
"""
