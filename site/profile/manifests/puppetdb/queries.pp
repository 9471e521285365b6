# @summary A port at which some machines may query PuppetDB, and give it no orders
#
# PuppetDB's own port takes both from whom it is told of. nginx stands before it here: it takes those certificates of the fleet's CA that
# are named and not revoked, passes on what is a query, and refuses all else.
#
# Without a name it is off: nothing listens.
#
# @param certnames
#   The machines that may query, by the names in their certificates.
# @param port
#   The port.
# @param clients
#   Addresses and networks that may connect to it.
#
# @example Hiera
#   profile::puppetdb::queries::certnames: [ci.example.org]
#   profile::puppetdb::queries::clients: [192.0.2.7]
class profile::puppetdb::queries (
  Array[Stdlib::Fqdn] $certnames = [],
  Stdlib::Port $port = 8082,
  Array[Stdlib::IP::Address] $clients = [],
) {
  $is_on = !$certnames.empty
  $site = '/etc/nginx/sites-enabled/puppetdb-queries'
  $revoked = '/etc/nginx/puppetdb-queries.crl'
  $ssl = '/etc/puppetdb/ssl'

  include profile::nginx

  # The authority's own: the agent's copy is up to a day old.
  file {
    default:
      ensure  => stdlib::ensure($is_on, 'file'),
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      require => [Package['nginx-light'], Class['profile::puppetdb::certificate']],
      notify  => Service['nginx'],
    ;
    $revoked:
      source    => '/etc/puppet/puppetserver/ca/ca_crl.pem',
      show_diff => false,
      backup    => false,
    ;
    $site:
      content => epp('profile/puppetdb/queries.conf.epp', {
          certnames => $certnames,
          port      => $port,
          server    => $profile::puppetdb::certname,
          ssl       => $ssl,
          revoked   => $revoked,
      }),
    ;
  }
  File[$revoked] -> File[$site]
  if $is_on {
    Class['profile::puppetdb::certificate'] ~> Service['nginx']
  }

  if $is_on and !$clients.empty {
    profile::firewall::allow { 'puppetdb queries':
      port    => $port,
      clients => $clients,
    }
  }
}
