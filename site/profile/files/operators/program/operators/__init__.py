"""What people with rights run as root, by sudo: each argument is checked, and what they did is recorded."""
