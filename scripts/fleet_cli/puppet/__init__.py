"""Where Puppet runs: in a sandbox, or as this machine has it installed."""
