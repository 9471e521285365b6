# @summary A name that an account or a group of the system has
#
# Debian's base-passwd has most of them; systemd, the packages that machines of a fleet have, cloud images, and servers that
# run beside services have the others. A service's account has its name: the module would change theirs, and `purge` delete it.
type Flask_microservice::System_account = Variant[
  Pattern[/\Asystemd-/],
  Enum[
    'adm', 'admin', 'aptly', 'audio', 'backup', 'bin', 'bind', 'cdrom', 'clock', 'crontab', 'daemon', 'debian',
    'dialout', 'dip', 'disk', 'dnsmasq', 'docker', 'dovecot', 'dovenull', 'fax', 'floppy', 'games', 'gnats', 'haproxy',
    'input', 'irc', 'kmem', 'kvm', 'list', 'lp', 'lxd', 'mail', 'man', 'memcache', 'messagebus', 'mysql', 'netdev',
    'news', 'nobody', 'nogroup', 'ntpsec', 'operator', 'plugdev', 'polkitd', 'postdrop', 'postfix', 'postgres', 'proxy',
    'puppet', 'puppetdb', 'rabbitmq', 'redis', 'render', 'root', 'sasl', 'sgx', 'shadow', 'src', 'sshd', 'ssl-cert',
    'staff', 'sudo', 'sync', 'sys', 'syslog', 'tape', 'tcpdump', 'tss', 'tty', 'unbound', 'users', 'utmp', 'uucp',
    'uuidd', 'vagrant', 'video', 'voice', 'wheel', 'www-data',
  ],
]
