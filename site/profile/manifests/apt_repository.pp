# @summary The apt repository of the fleet's own packages: aptly, signed, served by nginx
#
# It keeps every version. The signing key is made on this machine and never leaves it.
#
# @param clients
#   Addresses and networks of the machines that fetch packages.
# @param fqdn
#   The name under which machines fetch packages.
# @param suite
#   The suite that packages are published in.
# @param component
#   Its component.
# @param architectures
#   The machines' architectures; packages for all of them are in each.
#
# @example
#   include profile::apt_repository
#
# @see https://www.aptly.info/doc/overview/
class profile::apt_repository (
  Array[Stdlib::IP::Address, 1] $clients,
  Stdlib::Fqdn $fqdn = $trusted['certname'],
  Pattern[/\A[a-z][a-z0-9-]*\z/] $suite = 'fleet',
  Pattern[/\A[a-z][a-z0-9-]*\z/] $component = 'main',
  Array[Pattern[/\A[a-z][a-z0-9-]*\z/], 1] $architectures = ['amd64'],
) {
  $root = '/srv/apt'
  $gnupg_home = '/var/lib/apt-signing'
  $program = '/usr/local/lib/publish-package'

  # Who published what is recorded by it.
  include profile::operators::programs

  package { 'aptly':
    ensure => installed,
  }

  file {
    default:
      owner => 'root',
      group => 'root',
    ;
    $root:
      ensure => directory,
      mode   => '0755',
    ;
    '/etc/aptly.conf':
      ensure  => file,
      mode    => '0644',
      content => epp('profile/apt_repository/aptly.conf.epp', { root => $root, architectures => $architectures }),
    ;
    '/etc/publish-package.ini':
      ensure  => file,
      mode    => '0644',
      content => epp('profile/apt_repository/publish-package.ini.epp', {
          repository => 'fleet',
          prefix     => 'debian',
          suite      => $suite,
          component  => $component,
          published  => "${root}/public",
          gnupg_home => $gnupg_home,
      }),
    ;
    $program:
      ensure  => directory,
      source  => 'puppet:///modules/profile/apt_repository/program',
      recurse => true,
      purge   => true,
      force   => true,
      ignore  => '__pycache__',
    ;
    '/usr/local/sbin/publish-package':
      ensure  => file,
      mode    => '0755',
      source  => 'puppet:///modules/profile/apt_repository/publish-package',
      require => [File[$program], Class['profile::operators::programs']],
    ;
  }

  class { 'profile::apt_repository::signing_key':
    gnupg_home => $gnupg_home,
    export_to  => "${root}/archive-key.asc",
    owner_name => "Packages of ${fqdn}",
    require    => File[$root],
  }
  contain profile::apt_repository::signing_key

  $options = "-acquire-by-hash -label=fleet -origin=fleet -architectures=${architectures.join(',')}"

  # Published while still empty: `apt-get update` works on nodes from the start.
  exec {
    default:
      path    => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      require => [Package['aptly'], File['/etc/aptly.conf']],
    ;
    'make the repository fleet':
      command => "aptly repo create -distribution=${suite} -component=${component} fleet",
      unless  => 'aptly repo show fleet',
    ;
    'publish the repository fleet':
      command     => "aptly publish repo -batch ${options} fleet debian",
      environment => ["GNUPGHOME=${gnupg_home}"],
      unless      => "aptly publish show ${suite} debian",
      require     => [Exec['make the repository fleet'], Class['profile::apt_repository::signing_key']],
    ;
  }

  class { 'profile::apt_repository::web_server':
    fqdn => $fqdn,
    root => "${root}/public",
  }
  contain profile::apt_repository::web_server

  profile::firewall::allow { 'apt repository':
    port    => 80,
    clients => $clients,
  }
}
