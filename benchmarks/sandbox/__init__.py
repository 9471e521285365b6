"""What a sandbox costs `fleet validate`, `fleet plan` and `fleet build`."""
