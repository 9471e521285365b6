# @summary TLS for PostgreSQL, by a copy of the machine's certificate and key, which it can't read where Puppet keeps them
#
# @example
#   include profile::database::tls
#
# @see https://www.postgresql.org/docs/17/ssl-tcp.html
class profile::database::tls {
  $puppet = '/var/lib/puppet/ssl'
  $directory = '/etc/postgresql/tls'
  $certname = $profile::database::certname

  # A new certificate is taken up by a reload.
  file {
    default:
      ensure  => file,
      owner   => 'root',
      group   => 'postgres',
      mode    => '0640',
      require => Class['postgresql::server::install'],
      notify  => Postgresql::Server::Instance::Reload['main'],
    ;
    $directory:
      ensure => directory,
      mode   => '0750',
    ;
    "${directory}/certificate.pem":
      source => "${puppet}/certs/${certname}.pem",
    ;
    "${directory}/key.pem":
      source    => "${puppet}/private_keys/${certname}.pem",
      show_diff => false,
      backup    => false,
    ;
  }

  postgresql::server::config_entry {
    default:
      require => File["${directory}/certificate.pem", "${directory}/key.pem"],
    ;
    'ssl':
      value => 'on',
    ;
    'ssl_cert_file':
      value => "${directory}/certificate.pem",
    ;
    'ssl_key_file':
      value => "${directory}/key.pem",
    ;
    'ssl_min_protocol_version':
      value => 'TLSv1.2',
    ;
  }
}
