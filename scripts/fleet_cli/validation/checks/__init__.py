"""The checks of `fleet validate`, a file a topic. docs/findings.md says which file finds which code."""
