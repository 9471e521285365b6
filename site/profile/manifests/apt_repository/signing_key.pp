# @summary The key that signs the apt repository, made on this machine, and its public half for everyone to read
#
# @param gnupg_home
#   Where GnuPG keeps the key.
# @param export_to
#   The file for the public half.
# @param owner_name
#   Whose key it says it is.
#
# @example
#   class { 'profile::apt_repository::signing_key':
#     gnupg_home => '/var/lib/apt-signing',
#     export_to  => '/srv/apt/archive-key.asc',
#     owner_name => 'Packages of example.com',
#   }
class profile::apt_repository::signing_key (
  Stdlib::Absolutepath $gnupg_home,
  Stdlib::Absolutepath $export_to,
  Pattern[/\A[\w. -]+\z/] $owner_name,
) {
  stdlib::ensure_packages(['gnupg'])

  file { $gnupg_home:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0700',
  }

  # Without a passphrase: the machine signs by itself. What guards the key is that only root can read it.
  -> exec {
    default:
      path        => ['/usr/bin', '/bin'],
      provider    => shell,
      environment => ["GNUPGHOME=${gnupg_home}"],
      require     => Package['gnupg'],
    ;
    'generate the signing key':
      command => "gpg --batch --quiet --passphrase '' --quick-generate-key '${owner_name}' ed25519 sign never",
      unless  => "gpg --batch --list-secret-keys '=${owner_name}'",
    ;
    'export the public key':
      command => "gpg --batch --armor --export '=${owner_name}' > ${export_to}.new && mv ${export_to}.new ${export_to}",
      creates => $export_to,
      require => Exec['generate the signing key'],
    ;
  }

  -> file { $export_to:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644',
  }
}
