# @summary A name that units of the system have
#
# The units of a service are NAME.socket, NAME.service and NAME@.service in /etc/systemd/system, where they hide those of
# Debian's packages. Of systemd, and of this module's program, all names are taken.
type Flask_microservice::System_unit = Variant[
  Pattern[/\Asystemd(-|\z)/, /\Ainitrd-/, /\Aflask-microservice(-|\z)/],
  Enum[
    'acpid', 'apache2', 'apparmor', 'apt-daily', 'apt-daily-upgrade', 'apt-listchanges', 'auditd', 'autovt',
    'blk-availability', 'capsule', 'chrony', 'cloud-config', 'cloud-final', 'cloud-init', 'cloud-init-local',
    'console-getty', 'console-setup', 'container-getty', 'containerd', 'cron', 'cryptdisks', 'cryptdisks-early', 'dbus',
    'debug-shell', 'dm-event', 'dpkg-db-backup', 'e2scrub', 'e2scrub-all', 'e2scrub-reap', 'emergency', 'fstrim',
    'getty', 'getty-static', 'grub-common', 'haproxy', 'hwclock', 'ifup', 'ifupdown-pre', 'kexec', 'keyboard-setup',
    'kmod', 'kmod-static-nodes', 'ldconfig', 'logrotate', 'lvm2-lvmpolld', 'lvm2-monitor', 'man-db', 'modprobe',
    'multipathd', 'networking', 'nftables', 'nginx', 'polkit', 'postgresql', 'procps', 'puppet', 'puppet-agent',
    'puppet-refused-requests', 'puppet-run', 'puppet-run-periodic', 'puppetdb', 'puppetserver', 'quotaon',
    'quotaon-root', 'rc-local', 'rescue', 'rpcbind', 'rsync', 'rsyslog', 'serial-getty', 'smartd', 'ssh', 'sshd',
    'sshd-keygen', 'sudo', 'syslog', 'system-update-cleanup', 'udev', 'ufw', 'unattended-upgrades', 'user',
    'user-runtime-dir', 'x11-common',
  ],
]
