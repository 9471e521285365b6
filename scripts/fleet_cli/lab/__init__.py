"""The lab: boxes, their network, the bootstrap of its Puppet server, enrolment."""
