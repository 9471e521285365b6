"""Where foreign code runs: Debian 13 root file systems in namespaces of their own, entered without root."""
