# @summary Who gets a certificate: a machine that was invited by `fleet enroll`, once, as what it was invited as
#
# The CA's policy asks a service of its own account, whose state the user that compiles catalogs can't read.
#
# A request that was refused is thrown away at once, by the policy and, should it have been ended, by a unit that looks
# again. Puppet Server would keep it, for everybody to read who asks.
#
# @example
#   include profile::puppetserver::enrolment
#
# @see https://www.puppet.com/docs/puppet/8/ssl_autosign.html
class profile::puppetserver::enrolment {
  include profile::operators::programs

  $account = 'fleet-enrolment'

  stdlib::ensure_packages(['python3-cryptography'])

  user { $account:
    ensure => present,
    system => true,
    home   => '/nonexistent',
    shell  => '/usr/sbin/nologin',
  }

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    '/etc/puppet/autosign':
      ensure => directory,
      group  => 'puppet',
      mode   => '0750',
    ;
    '/etc/puppet/autosign/policy':
      group   => 'puppet',
      mode    => '0750',
      source  => 'puppet:///modules/profile/puppetserver/autosign_policy.py',
      require => Package['python3-cryptography'],
    ;
    # Servers of before had one secret for all machines.
    '/etc/puppet/autosign/shared-secret':
      ensure => absent,
    ;
    '/usr/local/lib/fleet-enrolment':
      mode    => '0755',
      source  => 'puppet:///modules/profile/puppetserver/enrolment.py',
      require => [User[$account], Class['profile::operators::programs']],
      notify  => Exec['fleet-enrolment.service takes its program anew'],
    ;
    '/etc/systemd/system/fleet-enrolment.socket':
      source => 'puppet:///modules/profile/puppetserver/fleet-enrolment.socket',
      notify => Service['fleet-enrolment.socket'],
    ;
    '/etc/systemd/system/fleet-enrolment.service':
      source => 'puppet:///modules/profile/puppetserver/fleet-enrolment.service',
      before => Service['fleet-enrolment.socket'],
      notify => Exec['fleet-enrolment.service takes its program anew'],
    ;
    '/etc/systemd/system/puppet-refused-requests.path':
      source => 'puppet:///modules/profile/puppetserver/puppet-refused-requests.path',
      notify => Service['puppet-refused-requests.path'],
    ;
    '/etc/systemd/system/puppet-refused-requests.service':
      source => 'puppet:///modules/profile/puppetserver/puppet-refused-requests.service',
      before => Service['puppet-refused-requests.path'],
    ;
  }

  # It starts with the next question.
  exec { 'fleet-enrolment.service takes its program anew':
    command     => ['/usr/bin/systemctl', 'stop', 'fleet-enrolment.service'],
    refreshonly => true,
    before      => Service['fleet-enrolment.socket'],
  }

  service { ['fleet-enrolment.socket', 'puppet-refused-requests.path']:
    ensure => running,
    enable => true,
  }
}
