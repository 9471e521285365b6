# @summary A pair of eyaml keys, made on this machine: what its public key has encrypted, Puppet Server alone opens
#
# Every account may read the public key. It is a certificate, which says in its subject whose it is: each value that is encrypted with
# it says so, too.
#
# @param directory
#   Where it is.
# @param subject
#   The subject of the certificate, as openssl takes it.
#
# @example
#   profile::puppetserver::eyaml_pair { '/etc/puppet/eyaml/tiers/staging':
#     subject => '/OU=staging/CN=hiera-eyaml',
#   }
define profile::puppetserver::eyaml_pair (
  Pattern[/\A(\/(OU|CN)=[\w-]+)+\z/] $subject,
  Stdlib::Absolutepath $directory = $title,
) {
  $private_key = "${directory}/private_key.pkcs7.pem"
  $public_key = "${directory}/public_key.pkcs7.pem"

  file { $directory:
    ensure => directory,
    owner  => 'puppet',
    group  => 'puppet',
    mode   => '0555',
  }
  # Not by `eyaml createkeys`, whose certificate has the serial number 0, which Python's cryptography is about to refuse.
  # The private key moves last: until it is there, the pair is made anew.
  -> exec { "generate the eyaml keys of ${directory}":
    command  => "umask 077 && rm -rf new && mkdir new &&
      openssl req -x509 -newkey rsa:3072 -noenc -days 36500 -subj ${subject} -keyout new/private -out new/public &&
      mv new/public ${public_key} && mv new/private ${private_key} && rmdir new",
    cwd      => $directory,
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    creates  => $private_key,
    require  => Package['openssl'],
  }
  -> file {
    default:
      ensure => file,
      owner  => 'puppet',
      group  => 'puppet',
    ;
    $private_key:
      mode => '0400',
    ;
    $public_key:
      mode => '0444',
    ;
  }
}
