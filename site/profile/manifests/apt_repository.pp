# @summary The apt repository of the fleet's own packages: aptly, signed, served by nginx
#
# It keeps every version. The signing key is made on this machine and never leaves it.
#
# aptly and GnuPG run as the account `packages`, which owns the packages, aptly's database and the signing key, and nothing else. The
# web server reads what is published, and can't read the key. `publish-package` becomes this account before it looks into a
# package; so does `aptly`, typed by root. What nodes trust, the public key in `/srv/apt/key`, is root's.
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
  $account = 'packages'
  # In the directory that is root's: nothing that aptly writes can take the place of the public key.
  $kept = ["${root}/db", "${root}/pool", "${root}/public"]

  # Who published what is recorded by it.
  include profile::operators::programs

  package { 'aptly':
    ensure => installed,
  }

  group { $account:
    ensure => present,
    system => true,
  }
  -> user { $account:
    ensure => present,
    system => true,
    gid    => $account,
    home   => $gnupg_home,
    shell  => '/usr/sbin/nologin',
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
    # Every node reads it by Puppet's file server: nothing but the public key stays in it.
    "${root}/key":
      ensure  => directory,
      mode    => '0755',
      recurse => true,
      purge   => true,
      force   => true,
      backup  => false,
    ;
    $kept:
      ensure => directory,
      owner  => $account,
      group  => $account,
      mode   => '0755',
    ;
    "${root}/publish-package.lock":
      ensure => file,
      owner  => $account,
      group  => $account,
      mode   => '0600',
    ;
    "${root}/publish-package.files":
      ensure => directory,
      owner  => $account,
      group  => $account,
      mode   => '0700',
    ;
    # Root's aptly would write files that the account can't change.
    '/usr/local/bin/aptly':
      ensure  => file,
      mode    => '0755',
      content => epp('profile/apt_repository/aptly.epp', { account => $account, gnupg_home => $gnupg_home }),
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
          account    => $account,
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

  $renew = 'fleet-repository-renew'
  file {
    default:
      ensure => file,
      owner  => 'root',
      group  => 'root',
      mode   => '0644',
    ;
    "/etc/systemd/system/${renew}.service":
      source => "puppet:///modules/profile/apt_repository/${renew}.service",
    ;
    "/etc/systemd/system/${renew}.timer":
      source => "puppet:///modules/profile/apt_repository/${renew}.timer",
    ;
  }
  ~> service { "${renew}.timer":
    ensure  => running,
    enable  => true,
    require => File['/usr/local/sbin/publish-package'],
  }

  class { 'profile::apt_repository::signing_key':
    gnupg_home => $gnupg_home,
    export_to  => "${root}/key/archive-key.asc",
    owner_name => "Packages of ${fqdn}",
    account    => $account,
    require    => File["${root}/key"],
  }
  contain profile::apt_repository::signing_key
  # Nodes ask for it where this says.
  Class['profile::apt_repository::signing_key'] -> File <| title == '/etc/puppet/fileserver.conf' |>

  # Of a server whose aptly ran as root, or where somebody has called /usr/bin/aptly as root: it always writes to the database, which
  # changes hands last.
  exec { 'hand the repository to its account':
    command  => "chown -Rh ${account}:${account} ${root}/pool ${root}/public ${root}/db",
    onlyif   => "test -n \"$(find ${root}/db ! -user ${account} -print -quit)\"",
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    require  => File[$kept],
    before   => Exec['make the repository fleet', 'publish the repository fleet'],
  }

  $options = "-acquire-by-hash -label=fleet -origin=fleet -architectures=${architectures.join(',')}"

  # Published while still empty: `apt-get update` works on nodes from the start.
  exec {
    default:
      path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
      user        => $account,
      cwd         => $root,
      environment => ["GNUPGHOME=${gnupg_home}"],
      require     => [Package['aptly'], File['/etc/aptly.conf', $kept]],
    ;
    'make the repository fleet':
      command => "aptly repo create -distribution=${suite} -component=${component} fleet",
      unless  => 'aptly repo show fleet',
    ;
    'publish the repository fleet':
      command => "aptly publish repo -batch ${options} fleet debian",
      unless  => "aptly publish show ${suite} debian",
      require => [Exec['make the repository fleet'], Class['profile::apt_repository::signing_key']],
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
