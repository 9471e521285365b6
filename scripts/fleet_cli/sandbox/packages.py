"""What the layers of the root file systems are made of: names of Debian packages."""

LAYER_PACKAGES: dict[str, tuple[str, ...]] = {
    # what dpkg-buildpackage needs for any service of the template
    "build": ("build-essential", "debhelper", "dh-virtualenv", "lintian", "python3-dev", "python3-pip",
              "python3-pytest", "python3-setuptools", "python3-venv", "python3-wheel"),
    # what checks Puppet code as the server would, and the server's own Ruby code
    "toolbox": ("git", "hiera-eyaml", "puppet-lint", "puppet-terminus-puppetdb", "r10k"),
    # what octocatalog-diff needs, which a test and a benchmark compare `fleet plan` with; only Debian 12 has itself
    "octocatalog-diff": ("git", "hiera-eyaml", "ruby-diffy", "ruby-hashdiff", "ruby-httparty", "ruby-parallel",
                         "ruby-rugged"),
    # what documents and checks a Puppet module as it goes to others
    "module": ("metadata-json-lint", "puppet-strings"),
    # what packages are published with, and fetched from
    "apt_repository": ("aptly", "nginx-light"),
    # what checks a node's own files: the balancer's configuration, rules of the firewall, units
    "node": ("haproxy", "nftables", "systemd"),
    # what a developer's machine has, for a test with Debian 13 as such a machine
    "developer": ("bubblewrap", "git", "mmdebstrap", "python3-venv", "uidmap"),
    # what a machine has that validates and plans with its own Puppet, for a test with Debian 13 as such a machine
    "own_puppet": ("git", "hiera-eyaml", "puppet-lint", "python3-venv", "r10k"),
    # what checks the Jenkins jobs and pipelines: Debian's Groovy is of the release line that Jenkins itself runs
    "jenkins": ("groovy", "jenkins-job-builder"),
}  # fmt: skip
