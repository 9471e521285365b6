# @summary Who may do what on the fleet's machines: personal accounts, each with the rights that Hiera names
#
# Nobody needs root for daily work. A person logs in over ssh with a key of their own, and runs, by sudo and without a password,
# the programs that their rights allow: see docs/operators.md for which these are. Each deploy, publication, run and rollback is a
# record in the journal that says who, and from where.
#
# Whoever is no longer in Hiera can't log in and may not do anything from the next run on: their keys are gone, and so is their
# part in all groups. The account stays, with its files, until it is declared with `ensure: absent`. root and all accounts that are
# not named in Hiera are left as they are, but for their passwords: sshd takes none.
#
# @param people
#   The people, by the names of their accounts. Hiera merges it deeply over all layers: a tier's file can give a person more rights
#   on the machines of that tier.
# @param ssh_passwords
#   Whether sshd may take passwords, as its own configuration says. If not, nobody gets in without a key, not even accounts that are
#   not named here.
#
# @example In Hiera
#   profile::operators::people:
#     anna:
#       keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0nTn0KpFJp5PzCjWzBbOFzKJ3p8n6nJrQ6m1v4Xk0W anna@laptop']
#       rights: [read, run]
#     bert: {ensure: absent}
#
# @see sudoers(5), sshd_config(5)
class profile::operators (
  Hash[Profile::Operator_name, Profile::Operator] $people = {},
  Boolean $ssh_passwords = false,
) {
  include profile::operators::programs

  unless $people.empty {
    $services = lookup('flask_microservice::services', Hash, 'deep', {})
    $problems = profile::operator_problems($people, $services.keys)
    unless $problems.empty {
      fail("profile::operators::people can't be as Hiera says: ${problems.join('; ')}")
    }
  }

  stdlib::ensure_packages(['openssh-server'])

  # The last one is the primary group of all of them, which they keep when Hiera has forgotten them: so sshd takes no key from their
  # homes then.
  $rights = ['fleet-read', 'fleet-run', 'fleet-publish', 'fleet-deploy']
  group { $rights + 'fleet-operators':
    ensure => present,
    system => true,
  }

  # Puppet takes people out of groups whom it knows of. These are the others, each as GROUP:NAME.
  $wanted = $people.map |$name, $person| {
    $person['ensure'] ? {
      'absent' => [],
      default  => profile::operator_groups($person['rights']).map |$group| { "${group}:${name}" },
    }
  }.flatten
  $script = @("AWK"/L$)
    \$1 ~ /^(${rights.join('|')})$/ {
      for (i = 4; i <= NF; i++)
        if (\$i && !index(wanted, " " \$1 ":" \$i " ")) { print \$1 ":" \$i; found = 1 }
    }
    END { exit !found }
    |-AWK
  $strangers = ['/usr/bin/awk', '-F', '[:,]', '-v', "wanted= ${wanted.join(' ')} ", $script, '/etc/group']
  exec { 'nobody else has a right':
    command => [
      '/bin/sh', '-c', '"$@" | while IFS=: read -r group name; do gpasswd --delete "$name" "$group"; done', 'sh', *$strangers,
    ],
    onlyif  => [$strangers],
    path    => ['/usr/bin', '/bin'],
    require => Group[$rights],
  }

  file {
    default:
      owner => 'root',
      group => 'root',
      ;
    # Of whoever is not declared, the keys go.
    '/etc/ssh/operators':
      ensure  => directory,
      mode    => '0755',
      recurse => true,
      purge   => true,
      force   => true,
      require => Package['openssh-server'],
      ;
    '/etc/ssh/sshd_config.d/fleet-operators.conf':
      ensure       => file,
      mode         => '0644',
      content      => file('profile/operators/sshd.conf'),
      validate_cmd => '/usr/sbin/sshd -t -f %',
      require      => Package['openssh-server'],
      ;
    '/etc/ssh/sshd_config.d/00-fleet-passwords.conf':
      ensure       => stdlib::ensure(!$ssh_passwords, 'file'),
      mode         => '0644',
      content      => file('profile/operators/sshd-passwords.conf'),
      validate_cmd => '/usr/sbin/sshd -t -f %',
      require      => Package['openssh-server'],
      ;
  }
  # Neither started nor enabled here: on some machines ssh.socket starts it.
  ~> service { 'ssh':
    restart => 'systemctl reload ssh',
  }

  $people.each |$name, $person| {
    profile::operators::account { $name:
      ensure  => $person['ensure'].lest || { 'present' },
      keys    => $person['keys'].lest || { [] },
      rights  => $person['rights'].lest || { [] },
      require => [Group['fleet-operators'], File['/etc/ssh/sshd_config.d/fleet-operators.conf']],
    }
  }
}
