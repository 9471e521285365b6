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

  file {
    default:
      ensure => stdlib::ensure($present, 'file'),
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    '/etc/systemd/system/puppet-run-periodic.service':
      content => file('profile/puppet_agent/puppet-run-periodic.service'),
      ;
    '/etc/systemd/system/puppet-run-periodic.timer':
      content => file('profile/puppet_agent/puppet-run-periodic.timer'),
      ;
  }

  service { 'puppet-run-periodic.timer':
    ensure => stdlib::ensure($present, 'service'),
    enable => $present,
  }

  $units = File['/etc/systemd/system/puppet-run-periodic.service', '/etc/systemd/system/puppet-run-periodic.timer']
  if $present {
    $units -> Service['puppet-run-periodic.timer']
  } else {
    Service['puppet-run-periodic.timer'] -> $units
  }
}
