# @summary What may reach this machine over the network: what is declared, for whom it is declared, and nothing else
#
# Each profile that has something listening lets its clients in (profile::firewall::allow). All of it is one nftables table,
# `inet fleet`, which is checked before it is put in place and then takes the place of the former in one step; other
# tables are not touched. What the machine itself sends to others is not filtered, so that it can always fetch a better catalog;
# services connect where they declare to (`flask_microservice`).
#
# @param ssh_clients
#   Addresses and networks that may log in.
# @param ssh_port
#   The port of sshd.
# @param rules
#   What else may come in, for software that no profile knows of: name => port, clients and protocol.
#
# @example Hiera
#   profile::firewall::ssh_clients: [192.0.2.0/24]
#   profile::firewall::rules:
#     node_exporter: {port: 9100, clients: [192.0.2.7]}
#
# @see https://wiki.nftables.org/wiki-nftables/index.php/Main_Page
class profile::firewall (
  Array[Stdlib::IP::Address, 1] $ssh_clients,
  Stdlib::Port $ssh_port = 22,
  Hash[
    Pattern[/\A[\w. -]{1,100}\z/],
    Struct[{ port => Stdlib::Port, clients => Array[Stdlib::IP::Address], Optional[protocol] => Enum['tcp', 'udp'] }]
  ] $rules = {},
) {
  # Debian's own place for it, read by its nftables.service at boot.
  $config = '/etc/nftables.conf'

  package { 'nftables':
    ensure => installed,
  }
  -> concat { $config:
    owner        => 'root',
    group        => 'root',
    mode         => '0755',
    validate_cmd => '/usr/sbin/nft --check --file %',
  }
  # A restart would be a moment without any rule, and without those of others.
  ~> service { 'nftables':
    ensure  => running,
    enable  => true,
    # systemd takes it for running once it has loaded its file, whatever has become of the table since.
    status  => 'nft list table inet fleet >/dev/null 2>&1',
    start   => 'systemctl reload-or-restart nftables.service',
    restart => 'systemctl reload-or-restart nftables.service',
  }

  concat::fragment {
    default:
      target => $config,
    ;
    'firewall: what holds for all machines':
      content => file('profile/firewall/head.nft'),
      order   => '0',
    ;
    'firewall: end of what comes in':
      content => "    }\n",
      order   => '2',
    ;
    'firewall: end':
      content => "}\n",
      order   => '4',
    ;
  }

  profile::firewall::allow { 'ssh':
    port    => $ssh_port,
    clients => $ssh_clients,
  }
  $rules.each |$name, $rule| {
    profile::firewall::allow { $name:
      * => $rule,
    }
  }
}
