# @summary A unit of Debian's that may do no more than it does
#
# A drop-in that takes effect when the service starts next: nothing is restarted because of it. So it is there before the package.
#
# Hiera may say of a unit, in `profile::hardened_units`, what else it writes, or that it is left as Debian made it (`ensure: absent`):
# an archive of PostgreSQL's, say, or a script of one's own.
#
# @param unit
#   The service, without its suffix.
# @param writable
#   What it writes; all else is read-only to it, or not there. Those that are missing are no mistake.
# @param capabilities
#   What it keeps of root's rights.
# @param system_calls
#   What it calls beyond systemd's `@system-service`.
# @param makes_code
#   Whether it makes code while it runs, as a JVM does.
# @param account
#   The account that it runs as, where Debian's unit starts it as root and it needs nothing of that; none if empty.
#
# @example
#   profile::hardened_unit { 'nginx':
#     writable     => ['/run', '/var/log/nginx', '/var/lib/nginx'],
#     capabilities => ['CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID'],
#     before       => Package['nginx-light'],
#   }
#
# @example Hiera
#   profile::hardened_units:
#     postgresql@: {writable: [/srv/wal]}
#     haproxy: {ensure: absent}
#
# @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
define profile::hardened_unit (
  Pattern[/\A[a-z0-9@-]+\z/] $unit = $title,
  Array[Stdlib::Absolutepath] $writable = [],
  Array[Pattern[/\ACAP_[A-Z_]+\z/]] $capabilities = [],
  Array[Pattern[/\A[a-z0-9_]+\z/]] $system_calls = [],
  Boolean $makes_code = false,
  String $account = '',
) {
  $directory = "/etc/systemd/system/${unit}.service.d"
  $own = lookup('profile::hardened_units', Hash[String[1], Profile::Unit_hardening], 'deep', {})[$unit].lest || { {} }

  file { $directory:
    ensure => directory,
    owner  => 'root',
    group  => 'root',
    mode   => '0755',
  }
  -> file { "${directory}/hardening.conf":
    ensure  => stdlib::ensure($own['ensure'] != 'absent', 'file'),
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('profile/hardened_unit.epp', {
        writable     => ($writable + $own['writable'].lest || { [] }).unique,
        capabilities => $capabilities,
        system_calls => $system_calls,
        makes_code   => $makes_code,
        account      => $account,
    }),
  }
  ~> exec { "systemd reads the drop-in of ${unit}":
    command     => ['/usr/bin/systemctl', 'daemon-reload'],
    refreshonly => true,
  }
}
