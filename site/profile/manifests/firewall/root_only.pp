# @summary Lets nobody on the machine itself connect to one of its ports but root
#
# For software that takes whoever is on its machine for its operator, as PuppetDB does without TLS: people who work here have
# accounts (profile::operators).
#
# @param port
#   The port, of TCP, on the loopback interface.
#
# @example
#   profile::firewall::root_only { 'puppetdb':
#     port => 8080,
#   }
define profile::firewall::root_only (
  Stdlib::Port $port,
) {
  include profile::firewall

  concat::fragment { "firewall: ${name} for root only":
    target  => $profile::firewall::config,
    content => @("CHAIN"),
          chain root_only_${port} {
              type filter hook output priority filter; policy accept;
              oifname "lo" tcp dport ${port} meta skuid != 0 reject with tcp reset comment "${name}"
          }
      | CHAIN
    order   => "3 ${name}",
  }
}
