# @summary A name that something of the system has in /etc, /var/lib, /var/log or /etc/logrotate.d
#
# The module gives what a service has there another owner and mode, and `ensure => absent` removes it with all that is in it.
type Flask_microservice::System_directory = Enum[
    'alternatives', 'apparmor', 'apt', 'apt-signing', 'aptly', 'btmp', 'ca-certificates', 'ca-certificates-java',
    'cloud', 'credstore', 'crontab', 'dbus', 'dbus-1', 'default', 'deploy-environment', 'dhcp', 'dpkg', 'emacs',
    'environment', 'ethertypes', 'faillog', 'fonts', 'fstab', 'gems', 'git', 'gnutls', 'group', 'grub', 'gshadow',
    'gss', 'haproxy', 'hostname', 'hosts', 'initramfs-tools', 'inputrc', 'installer', 'iproute2', 'issue',
    'java-21-openjdk', 'journal', 'kernel', 'lastlog', 'ldap', 'localtime', 'logcheck', 'logrotate', 'magic', 'man-db',
    'mime', 'misc', 'modules', 'motd', 'mtab', 'nanorc', 'netconfig', 'network', 'networks', 'nginx', 'opt',
    'os-release', 'pam', 'passwd', 'perl', 'polkit-1', 'portables', 'postgresql', 'postgresql-common', 'ppp', 'private',
    'profile', 'protocols', 'publish-package', 'puppet', 'puppet-deploys', 'puppet-run', 'puppetdb', 'puppetserver',
    'python', 'python3', 'resolvconf', 'rmt', 'rpc', 'rsyslog', 'runit', 'security', 'selinux', 'services', 'shadow',
    'shells', 'skel', 'ssh', 'ssl', 'subgid', 'subuid', 'sudo', 'sudoers', 'supercat', 'sv', 'systemd', 'terminfo',
    'timezone', 'ucf', 'udev', 'ufw', 'vim', 'wgetrc', 'wtmp', 'wtmpdb', 'xdg', 'xml', 'xml-core',
]
