"""Configuration management tools side by side: what it takes each to bring a node to the same state."""
