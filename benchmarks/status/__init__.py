"""What `fleet status` costs, beside the ssh connections that it can't do without."""
