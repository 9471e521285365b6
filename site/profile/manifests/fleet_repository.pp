# @summary The apt repository of the fleet's own packages, trusted by its key and for nothing else
#
# @param url
#   Where the repository is.
# @param suite
#   Its suite.
# @param component
#   Its component.
# @param key_source
#   Where its public key comes from, ASCII-armoured: the Puppet server's file server, or any other `source` of a file.
# @param valid_days
#   For how many days after its index was signed the repository is believed: whoever keeps an old one can't give it to nodes for longer. The
#   Puppet server signs it anew each day.
#
# @example
#   include profile::fleet_repository
class profile::fleet_repository (
  Stdlib::HTTPUrl $url,
  String[1] $suite,
  String[1] $component,
  String[1] $key_source,
  Integer[1] $valid_days = 14,
) {
  $keyring = '/etc/apt/keyrings/fleet.asc'
  $sources = '/etc/apt/sources.list.d/fleet.sources'

  file { $keyring:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644',
    source => $key_source,
  }
  -> file { $sources:
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => @("SOURCES"),
      # Written by Puppet (profile::fleet_repository).
      Types: deb
      URIs: ${url}
      Suites: ${suite}
      Components: ${component}
      Signed-By: ${keyring}
      Check-Date: yes
      Check-Valid-Until: yes
      Valid-Until-Max: ${$valid_days * 86400}
      | SOURCES
  }

  # Whoever may publish could give nodes a libc6 otherwise. The packages of declared services have a pin of their own.
  file { '/etc/apt/preferences.d/fleet':
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => @(PREFERENCES),
      # Written by Puppet (profile::fleet_repository).
      Package: *
      Pin: release o=fleet
      Pin-Priority: 100
      | PREFERENCES
  }

  # Debian's own indexes are not fetched: this one is the only one that changed.
  $only_this = "-o Dir::Etc::sourcelist=${sources} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0"
  # apt does not wait for the lock of its lists, which anybody's `apt-get update` holds for a while.
  exec { 'fetch the index of the fleet repository':
    command     => @(SHELL/L),
      for second in $(seq 120); do \
        said=$(apt-get update -qq $ONLY_THIS -o APT::Update::Error-Mode=any 2>&1) && exit 0; \
        case $said in *'Could not get lock'*) sleep 1 ;; *) break ;; esac; \
      done; \
      echo "$said"; exit 100
      |-SHELL
    provider    => shell,
    environment => ['LC_ALL=C.UTF-8', "ONLY_THIS=${only_this}"],
    path        => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    refreshonly => true,
    subscribe   => File[$keyring, $sources],
  }
}
