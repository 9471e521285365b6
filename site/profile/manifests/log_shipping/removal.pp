# @summary No log shipping any more: rsyslog, its config and what waited in its queue
#
# @api private
class profile::log_shipping::removal {
  service { 'rsyslog':
    ensure => stopped,
    enable => false,
  }
  -> package { ['rsyslog-openssl', 'rsyslog']:
    ensure => purged,
  }
  -> file { ['/etc/rsyslog.conf', '/var/spool/rsyslog']:
    ensure => absent,
    force  => true,
    backup => false,
  }

  file { '/etc/systemd/journald.conf.d/log-shipping.conf':
    ensure => absent,
  }
  ~> service { 'systemd-journald':
    ensure => running,
  }
}
