"""A change that reaches the fleet in waves: `fleet rollout`."""
