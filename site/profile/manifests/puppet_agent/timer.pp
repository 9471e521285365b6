# @summary A timer that starts a run of the preloaded agent every half hour
#
# It takes the place of the daemon of puppet.service, which would be a second process with Puppet loaded.
#
# @param ensure
#   Whether there is such a timer.
#
# @example
#   include profile::puppet_agent::timer
class profile::puppet_agent::timer (
  Enum['present', 'absent'] $ensure = 'present',
) {
  $present = $ensure == 'present'
  $names = ['puppet-run-periodic.service', 'puppet-run-periodic.timer']

  $names.each |$name| {
    file { "/etc/systemd/system/${name}":
      ensure  => stdlib::ensure($present, 'file'),
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => file("profile/puppet_agent/${name}"),
    }
  }

  service { 'puppet-run-periodic.timer':
    ensure => stdlib::ensure($present, 'service'),
    enable => $present,
  }

  $units = File[$names.map |$name| { "/etc/systemd/system/${name}" }]
  if $present {
    $units -> Service['puppet-run-periodic.timer']
  } else {
    Service['puppet-run-periodic.timer'] -> $units
  }
}
