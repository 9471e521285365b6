# @summary Stops one service and removes what made it run; its data, its log and the account that owns them stay
#
# @param package the name of its package
# @param purge whether data, log and account go as well
# @param drain for how many seconds it drains before it stops
# @param unit what its unit declared: the directories that systemd has made for that go with data and log
#
# @api private
define flask_microservice::service::removal (
  Flask_microservice::Name $package,
  Boolean $purge,
  Integer[0] $drain,
  Flask_microservice::Directives $unit,
) {
  $paths = flask_microservice::paths($name, $package)

  flask_microservice_release { $name:
    ensure  => absent,
    drain   => $drain,
    require => Class['flask_microservice::program'],
  }
  -> file { [$paths['unit'], $paths['logrotate'], $paths['config'], $paths['config_dir']]:
    ensure => absent,
    force  => true,
    backup => false,
  }

  # Not if another service of the node runs from it, or goes as well.
  unless defined(Package[$package]) {
    package { $package:
      ensure   => purged,
      provider => 'flask_microservice',
    }
  }
  Flask_microservice_release[$name] -> Package[$package]

  if $purge {
    file { [$paths['data_dir'], $paths['log_dir']]:
      ensure  => absent,
      force   => true,
      backup  => false,
      require => Flask_microservice_release[$name],
    }
    -> user { $name:
      ensure => absent,
    }
    -> group { $name:
      ensure => absent,
    }

    flask_microservice::unit_directories($name, $unit).each |$path| {
      flask_microservice_directory { "${name} ${path}":
        ensure  => absent,
        path    => $path,
        account => $name,
        require => [Flask_microservice_release[$name], Package[$package]],
        before  => User[$name],
      }
    }
  }
}
