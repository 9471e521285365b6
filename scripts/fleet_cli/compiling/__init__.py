"""Catalogs of a control repository, compiled here as its Puppet server would compile them."""
