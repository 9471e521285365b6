# @summary How this machine's Puppet agent runs
#
# Its puppet.conf (server, environment) is written when the machine enrols and left alone here.
#
# @param periodic
#   Whether it runs every half hour by itself: by a timer where it is preloaded, else as the daemon that it is in Debian.
#   If not, it runs when `fleet run` tells it to.
# @param blocked_facts
#   Facts that are not worth the seconds they take on each run.
# @param preloaded
#   Whether a process that has loaded Puppet waits on the machine, so that `puppet-run`, and with it `fleet run`, starts at
#   once. It keeps about 70 MB of memory.
# @param patched
#   Whether Puppet and Facter are patched in that process. If not, each run starts from nothing.
# @param patches
#   Patches to leave out, as `{NAME: false}`; docs/patches.md has the names.
#
# @example
#   include profile::puppet_agent
class profile::puppet_agent (
  Boolean $periodic = false,
  Array[String[1]] $blocked_facts = [],
  Boolean $preloaded = false,
  Boolean $patched = true,
  Hash[Profile::Agent_patch, Boolean] $patches = {},
) {
  $facter = stdlib::to_json_pretty({ 'facts' => { 'blocklist' => $blocked_facts } })

  file { '/etc/facter':
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
  -> file { '/etc/facter/facter.conf':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => "# Written by Puppet (profile::puppet_agent::blocked_facts).\n${facter}",
  }

  file { '/etc/puppet/agent-routes.yaml':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => file('profile/puppet_agent/agent-routes.yaml'),
  }

  class { 'profile::puppet_agent::preloaded':
    ensure  => stdlib::ensure($preloaded),
    patched => $patched,
    patches => $patches,
  }

  class { 'profile::puppet_agent::timer':
    ensure => stdlib::ensure($periodic and $preloaded),
  }

  $daemon = $periodic and !$preloaded
  service { 'puppet':
    ensure => stdlib::ensure($daemon, 'service'),
    enable => $daemon,
  }
}
