# @summary Stops one service and removes what made it run; its data, its log and the account that owns them stay
#
# @api private
define flask_microservice::service::removal {
  $paths = flask_microservice::paths($name)

  # The socket first: a request would start the service again.
  service { ["${name}.socket", "${name}.service"]:
    ensure   => stopped,
    enable   => false,
    provider => systemd,
  }
  -> file { [$paths['socket'], $paths['service'], $paths['logrotate'], $paths['config'], $paths['config_dir']]:
    ensure => absent,
    force  => true,
    backup => false,
  }
  -> package { $name:
    ensure   => purged,
    provider => apt,
  }
  Service["${name}.socket"] -> Service["${name}.service"]
}
