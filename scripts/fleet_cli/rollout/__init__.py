"""`fleet rollout`: a commit reaches the fleet in waves, is judged by what it does, and takes itself back."""
