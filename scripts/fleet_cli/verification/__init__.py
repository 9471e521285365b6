"""`fleet verify`: what is declared is what runs, checked by pytest and testinfra; it changes nothing on the nodes."""
