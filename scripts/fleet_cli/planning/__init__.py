"""What a change of the control repository does to which node: `fleet plan`."""
