"""What a control repository says."""
