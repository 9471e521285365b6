# @summary The program that rotates the logs of all services; it looks every hour
#
# A class, so that a service which fails does not take the log rotation of the others down with it.
#
# @api private
class flask_microservice::logrotate {
  stdlib::ensure_packages(['logrotate'])

  # Debian's timer runs once a day; a log that grows too large should not wait for it. What is to be rotated daily is not
  # rotated more often by this: logrotate keeps the day of the last time.
  file { '/etc/systemd/system/logrotate.timer.d':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
  -> file { '/etc/systemd/system/logrotate.timer.d/hourly.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => "# Written by Puppet.\n[Timer]\nOnCalendar=\nOnCalendar=hourly\nAccuracySec=5min\n",
    require => Package['logrotate'],
  }
  ~> service { 'logrotate.timer':
    ensure   => running,
    enable   => true,
    provider => systemd,
  }
}
