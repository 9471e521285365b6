"""Deploys on the Puppet server: each deployed commit is an environment, and answers say which node is in which."""
