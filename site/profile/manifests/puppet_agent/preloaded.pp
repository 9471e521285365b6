# @summary A process that has loaded Puppet, from which runs of the agent start at once
#
# `puppet-run` is `puppet agent --test` as a fork of that process, which systemd starts at the first call. It takes the
# same options, and has the same output and exit status. Only root may ask for a run.
#
# A run asks systemd and dpkg once for all services and packages, while the server compiles its catalog, and again, one by
# one, from its first change on. Facter's commands are run by one shell while the plugins are fetched; which ones the last run
# needed is kept in `/var/lib/puppet-run`.
#
# @param ensure
#   Whether there is such a process. It keeps about 70 MB of memory; a run takes about 80 MB more while it lasts.
#
# @example
#   include profile::puppet_agent::preloaded
class profile::puppet_agent::preloaded (
  Enum['present', 'absent'] $ensure = 'present',
) {
  $present = $ensure == 'present'
  $directory = '/usr/local/lib/puppet-run'

  # Not by `source`, which would ask the server for each of them in each run.
  file {
    default:
      ensure => stdlib::ensure($present, 'file'),
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    $directory:
      ensure => stdlib::ensure($present, 'directory'),
      mode   => '0755',
      force  => true,
      ;
    '/var/lib/puppet-run':
      ensure => stdlib::ensure($present, 'directory'),
      mode   => '0700',
      force  => true,
      ;
    "${directory}/preloaded-agent.rb":
      content => file('profile/puppet_agent/preloaded-agent.rb'),
      ;
    "${directory}/asked-ahead.rb":
      content => file('profile/puppet_agent/asked-ahead.rb'),
      ;
    "${directory}/fewer-forks.rb":
      content => file('profile/puppet_agent/fewer-forks.rb'),
      ;
    "${directory}/loaded-ahead.rb":
      content => file('profile/puppet_agent/loaded-ahead.rb'),
      ;
    '/usr/local/sbin/puppet-run':
      mode    => '0755',
      content => file('profile/puppet_agent/puppet-run'),
      ;
    '/etc/systemd/system/puppet-run.service':
      content => file('profile/puppet_agent/puppet-run.service'),
      ;
    '/etc/systemd/system/puppet-run.socket':
      content => file('profile/puppet_agent/puppet-run.socket'),
      ;
  }

  # The service itself is none of Puppet's business: the socket starts it.
  service { 'puppet-run.socket':
    ensure => stdlib::ensure($present, 'service'),
    enable => $present,
  }

  $units = File['/etc/systemd/system/puppet-run.service', '/etc/systemd/system/puppet-run.socket']
  if $present {
    File["${directory}/asked-ahead.rb", "${directory}/fewer-forks.rb", "${directory}/loaded-ahead.rb"]
    -> File["${directory}/preloaded-agent.rb"]
    -> $units
    -> Service['puppet-run.socket']
  } else {
    Service['puppet-run.socket'] -> $units
  }
}
