# @summary The account of a person who works on the machines
#
# @param ensure
#   `absent` ends all that the person runs, and removes the account with its home.
# @param keys
#   The public keys that let the person in. Nothing else does.
# @param rights
#   What the person may do. `read` is part of each.
#
# @example
#   profile::operators::account { 'anna':
#     keys   => ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0nTn0KpFJp5PzCjWzBbOFzKJ3p8n6nJrQ6m1v4Xk0W anna@laptop'],
#     rights => ['run'],
#   }
#
# @api private
define profile::operators::account (
  Enum['present', 'absent'] $ensure = 'present',
  Array[Profile::Operator_key] $keys = [],
  Array[Profile::Operator_right] $rights = [],
) {
  if $ensure == 'absent' {
    # userdel(8) removes no account that something runs under.
    exec { "end what ${title} runs":
      command => ['/usr/bin/pkill', '--signal', 'KILL', '--uid', $title],
      onlyif  => [['/usr/bin/pgrep', '--uid', $title]],
    }
    -> user { $title:
      ensure     => absent,
      managehome => true,
    }
  } else {
    user { $title:
      ensure     => present,
      comment    => 'works on the fleet',
      gid        => 'fleet-operators',
      groups     => profile::operator_groups($rights),
      membership => inclusive,
      managehome => true,
      shell      => '/bin/bash',
      # No password is right, and the account is not locked: sshd would refuse keys, too.
      password   => '*',
    }

    file { "/etc/ssh/operators/${title}":
      ensure  => file,
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => $keys.map |$key| { "${key}\n" }.join,
    }
  }
}
