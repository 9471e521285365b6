"""For those who develop this repository: its tests and its reference."""
