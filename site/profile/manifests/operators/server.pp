# @summary What people with rights run on the Puppet server: questions to PuppetDB, deploys, publications
#
# @example
#   include profile::operators::server
#
# @see docs/operators.md
class profile::operators::server {
  include profile::operators::programs

  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      ;
    ['query', 'answers', 'deploy', 'enroll', 'note', 'publish'].map |$name| { "/usr/local/sbin/fleet-${name}" }:
      mode    => '0755',
      content => file('profile/operators/launcher.py'),
      require => File["${profile::operators::programs::library}/operators"],
      ;
    '/etc/sudoers.d/fleet-operators-server':
      mode         => '0440',
      content      => file('profile/operators/sudoers-server'),
      validate_cmd => '/usr/sbin/visudo -cf %',
      require      => Package['sudo'],
      ;
  }
}
