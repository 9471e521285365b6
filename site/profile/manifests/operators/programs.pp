# @summary What people with rights run on every machine: what it does and has, what was done on it, a run of the agent, a rollback
#
# Each is a launcher of one Python package, of the standard library only. puppet-run and puppet are none of them: a run can be
# told to take its catalog from any server.
#
# @example
#   include profile::operators::programs
#
# @see docs/operators.md
class profile::operators::programs {
  $library = '/usr/local/lib/fleet-operators'

  stdlib::ensure_packages(['sudo'])

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
      ;
    $library:
      ensure => directory,
      mode   => '0755',
      ;
    "${library}/operators":
      ensure  => directory,
      source  => 'puppet:///modules/profile/operators/program/operators',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => '__pycache__',
      ;
    '/etc/fleet-operators.ini':
      content => "# Written by Puppet (profile::operators::programs).\n[machine]\ncertname = ${trusted['certname']}\n",
      ;
    ['report', 'inspect', 'traffic', 'log', 'run', 'rollback'].map |$name| { "/usr/local/sbin/fleet-${name}" }:
      mode    => '0755',
      content => file('profile/operators/launcher.py'),
      require => File["${library}/operators"],
      ;
    '/etc/sudoers.d/fleet-operators':
      mode         => '0440',
      content      => file('profile/operators/sudoers'),
      validate_cmd => '/usr/sbin/visudo -cf %',
      require      => Package['sudo'],
      ;
  }

  # sudo takes a session's own list of groups otherwise: one that is open would keep the rights that its person has lost.
  file_line { 'sudo asks which groups a person is in now':
    path    => '/etc/sudo.conf',
    line    => 'Set group_source dynamic',
    match   => '^Set group_source ',
    require => Package['sudo'],
  }
}
