# @summary A right of the people who work on the machines: a group, in which nobody is but those who have it
#
# @param people
#   The names of those who have it.
#
# @example
#   profile::operators::right { 'run':
#     people => ['anna'],
#   }
#
# @api private
define profile::operators::right (
  Array[Profile::Operator_name] $people,
) {
  $group = "fleet-${title}"
  $wanted = ['', *$people].map |$name| { "-e '${name}'" }.join(' ')

  group { $group:
    ensure => present,
    system => true,
  }
  # Without libuser, Puppet can't take anybody out of a group on Debian.
  -> exec { "nobody else is in ${group}":
    command  => "gpasswd --members '${people.join(',')}' ${group}",
    onlyif   => "getent group ${group} | cut -d : -f 4 | tr , '\\n' | grep -q -v -x -F ${wanted}",
    path     => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    provider => shell,
  }
}
