# @summary A program that people with a right may run as root, by sudo and without a password
#
# @param allowed
#   With which arguments, for each right: a list of them, in which `''` is none at all; or `any`, for a program that checks
#   each argument itself.
#
# @example
#   profile::operators::program { 'fleet-run':
#     allowed => { 'run' => ['', '--noop'] },
#   }
#
# @api private
define profile::operators::program (
  Hash[Profile::Operator_right, Variant[Enum['any'], Array[Enum['', '--noop', '--list'], 1]], 1] $allowed,
) {
  include profile::operators::programs

  $path = "/usr/local/sbin/${title}"
  file { $path:
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0755',
    content => file('profile/operators/launcher.py'),
    require => File["${profile::operators::programs::library}/operators"],
  }

  # `""` is sudoers' word for no arguments.
  $lines = $allowed.map |$right, $arguments| {
    $commands = $arguments ? {
      'any'   => [$path],
      default => $arguments.map |$one| { "${path} ${one.empty ? { true => '""', default => $one }}" },
    }
    "%fleet-${right} ALL = (root) NOPASSWD: ${commands.join(', ')}\n"
  }
  concat::fragment { "operators: ${title}":
    target  => '/etc/sudoers.d/fleet-operators',
    content => "Defaults!${path} env_keep += \"SSH_CONNECTION\"\n${lines.join}",
    order   => "1 ${title}",
  }
}
