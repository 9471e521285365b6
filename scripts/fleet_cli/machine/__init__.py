"""The machine that fleet runs on: processes, progress, errors, places, the cache."""
