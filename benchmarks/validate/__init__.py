"""How long `fleet validate` takes on a large control repository, beside what one would run without it."""
