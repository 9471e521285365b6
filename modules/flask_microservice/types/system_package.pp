# @summary A package that the system, the fleet or the module's program needs
#
# The module brings a service's package to the declared version, and `ensure => absent` purges it.
type Flask_microservice::System_package = Enum[
    'apt', 'aptly', 'base-files', 'base-passwd', 'bash', 'ca-certificates', 'coreutils', 'cron', 'curl', 'dash', 'dbus',
    'debconf', 'debianutils', 'diffutils', 'dpkg', 'e2fsprogs', 'facter', 'findutils', 'git', 'gnupg', 'grep', 'gzip',
    'haproxy', 'hiera-eyaml', 'hostname', 'init', 'iproute2', 'less', 'libc-bin', 'libc6', 'login', 'logrotate',
    'man-db', 'mount', 'nano', 'ncurses-base', 'ncurses-bin', 'nftables', 'nginx', 'nginx-light', 'openssh-client',
    'openssh-server', 'openssl', 'passwd', 'perl', 'perl-base', 'postgresql', 'postgresql-common', 'procps', 'puppet',
    'puppet-agent', 'puppet-terminus-puppetdb', 'puppetdb', 'puppetserver', 'python3', 'python3-cryptography',
    'python3-minimal', 'r10k', 'redis', 'rsync', 'rsyslog', 'rsyslog-openssl', 'ruby', 'sed', 'socat', 'sudo',
    'systemd', 'systemd-sysv', 'sysvinit-utils', 'tar', 'tzdata', 'udev', 'util-linux', 'vim', 'wget',
]
