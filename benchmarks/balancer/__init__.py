"""The balancer under overload and slow uploads, beside the configuration of another commit."""
