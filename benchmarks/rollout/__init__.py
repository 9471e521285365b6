"""A new version on two production nodes, one after the other: the rollout beside Ansible's rolling playbook."""
