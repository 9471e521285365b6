# @summary A process that has loaded Puppet, from which runs of the agent start at once
#
# `puppet-run` is `puppet agent --test` as a fork of that process, which systemd starts at the first call. It takes the
# same options, and has the same output and exit status. Only root may ask for a run.
#
# A run asks systemd and dpkg once for all services and packages, while the server compiles its catalog, and again, one by
# one, from its first change on. Facter's commands are run by one shell while the plugins are fetched; which ones the last run
# needed is kept in `/var/lib/puppet-run`.
#
# Puppet and Facter are patched in that process, and nowhere else. docs/patches.md says where, why, and how to do without.
#
# @param ensure
#   Whether there is such a process. It keeps about 70 MB of memory; a run takes about 80 MB more while it lasts.
# @param patched
#   Whether Puppet is patched at all. If not, each run starts from nothing, and `puppet-run` is `puppet agent --test`.
# @param patches
#   Patches to leave out (`false`); all that are not named are used.
#
# @example
#   include profile::puppet_agent::preloaded
class profile::puppet_agent::preloaded (
  Enum['present', 'absent'] $ensure = 'present',
  Boolean $patched = true,
  Hash[Profile::Agent_patch, Boolean] $patches = {},
) {
  $present = $ensure == 'present'
  $directory = '/usr/local/lib/puppet-run'
  $known = [
    'apt_packages', 'catalog_ahead', 'ended_at_once', 'facter_ahead', 'facter_answers', 'facter_blocklist',
    'facter_commands', 'facter_forgetting', 'facter_uname', 'files_of_commit', 'given_environment', 'given_options',
    'kept_report', 'message_formats', 'microservices_ahead', 'own_directories', 'own_packages', 'plugin_listing',
    'plugin_providers', 'plugins_in_place', 'received_catalog', 'reloaded_plugins', 'resource_harness', 'state_file',
    'systemd_services', 'transaction_store', 'types_ahead',
  ]
  # Not a file each on the machine: the agent would look after all of them in each run. With an index it is faster in JRuby.
  $used = $patched ? {
    true    => $known.filter |$_, $name| { $patches[$name] =~ Undef or $patches[$name] },
    default => [],
  }
  $code = $used.map |$_, $name| { file("profile/puppet_agent/patches/${name}.rb") }

  # Not by `source`, which would ask the server for each of them in each run.
  file {
    default:
      ensure => stdlib::ensure($present, 'file'),
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    $directory:
      ensure  => stdlib::ensure($present, 'directory'),
      mode    => '0755',
      force   => true,
      recurse => $present,
      purge   => true,
      ;
    '/var/lib/puppet-run':
      ensure => stdlib::ensure($present, 'directory'),
      mode   => '0700',
      force  => true,
      ;
    "${directory}/preloaded-agent.rb":
      content => file('profile/puppet_agent/preloaded-agent.rb'),
      ;
    "${directory}/loader.rb":
      content => file('profile/puppet_patches/loader.rb'),
      ;
    "${directory}/upstream.json":
      content => file('profile/puppet_patches/upstream.json'),
      ;
    "${directory}/patches.rb":
      content => $code.join("\n"),
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
    File["${directory}/loader.rb", "${directory}/upstream.json", "${directory}/patches.rb"]
    -> File["${directory}/preloaded-agent.rb"]
    -> $units
    -> Service['puppet-run.socket']
  } else {
    Service['puppet-run.socket'] -> $units
  }
}
