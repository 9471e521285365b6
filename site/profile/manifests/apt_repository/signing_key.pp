# @summary The key that signs the apt repository, made on this machine, and its public half for everyone to read
#
# @param gnupg_home
#   Where GnuPG keeps the key.
# @param export_to
#   The file for the public half.
# @param owner_name
#   Whose key it says it is.
# @param account
#   The account that signs. It alone, and root, can read the key.
#
# @example
#   class { 'profile::apt_repository::signing_key':
#     gnupg_home => '/var/lib/apt-signing',
#     export_to  => '/srv/apt/key/archive-key.asc',
#     owner_name => 'Packages of example.com',
#     account    => 'packages',
#   }
class profile::apt_repository::signing_key (
  Stdlib::Absolutepath $gnupg_home,
  Stdlib::Absolutepath $export_to,
  Pattern[/\A[\w. -]+\z/] $owner_name,
  Pattern[/\A[a-z][a-z0-9-]*\z/] $account,
) {
  stdlib::ensure_packages(['gnupg'])

  file { $gnupg_home:
    ensure => directory,
    owner  => $account,
    group  => $account,
    mode   => '0700',
  }

  # Of a server that signed as root. Root's agent, which still runs, would be asked for the key.
  -> exec { 'hand the signing key to its account':
    command  => "gpgconf --homedir ${gnupg_home} --kill all; rm -f S.*; chown -Rh ${account}:${account} .",
    onlyif   => "test -n \"$(find . ! -user ${account} -print -quit)\"",
    cwd      => $gnupg_home,
    path     => ['/usr/bin', '/bin'],
    provider => shell,
    require  => Package['gnupg'],
  }

  # Without a passphrase: the machine signs by itself. What guards the key is that only its account can read it.
  -> exec { 'generate the signing key':
    command     => "gpg --batch --quiet --passphrase '' --quick-generate-key '${owner_name}' ed25519 sign never",
    unless      => "gpg --batch --list-secret-keys '=${owner_name}'",
    path        => ['/usr/bin', '/bin'],
    user        => $account,
    cwd         => $gnupg_home,
    environment => ["GNUPGHOME=${gnupg_home}"],
  }

  # The account says what the key is, and root writes it down: once, so that nobody can give nodes another one.
  -> exec { 'export the public key':
    command  => "runuser -u ${account} -- gpg --homedir ${gnupg_home} --batch --armor --export '=${owner_name}' > ${export_to}.new &&
      mv ${export_to}.new ${export_to}",
    path     => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    cwd      => '/',
    provider => shell,
    creates  => $export_to,
  }

  -> file { $export_to:
    ensure => file,
    owner  => 'root',
    group  => 'root',
    mode   => '0644',
  }
}
