"""What it costs a fleet that its services run elsewhere."""
