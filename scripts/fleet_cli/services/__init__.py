"""A service's source: the template, and the package built from it."""
