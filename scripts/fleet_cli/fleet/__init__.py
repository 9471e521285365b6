"""A fleet of servers and nodes: ssh, PuppetDB, agent runs, deploys, publishing, status."""
