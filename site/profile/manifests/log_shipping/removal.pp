# @summary No log shipping any more: rsyslog, its account, its config and what waited in its queue
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
  -> file { [
      '/etc/rsyslog.conf',
      '/etc/rsyslog.tls',
      '/etc/systemd/system/rsyslog.service.d/unprivileged.conf',
      '/var/spool/rsyslog',
    ]:
    ensure => absent,
    force  => true,
    backup => false,
  }
  -> user { '_rsyslog':
    ensure => absent,
  }
  -> group { '_rsyslog':
    ensure => absent,
  }

  file { '/etc/systemd/journald.conf.d/log-shipping.conf':
    ensure => absent,
  }
  ~> service { 'systemd-journald':
    ensure => running,
  }
}
