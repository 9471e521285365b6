# @summary The account, directories, config file and log rotation of one service
#
# @param package the name of its package
# @param settings everything that its config file says
# @param log how long its log is kept
#
# @api private
define flask_microservice::service::files (
  Flask_microservice::Name $package,
  Sensitive[Flask_microservice::Config] $settings,
  Flask_microservice::Log $log,
) {
  $paths = flask_microservice::paths($name, $package)

  include flask_microservice::logrotate

  group { $name:
    ensure => present,
    system => true,
  }
  user { $name:
    ensure     => present,
    comment    => "Microservice ${name}",
    system     => true,
    gid        => $name,
    home       => $paths['data_dir'],
    managehome => false,
    shell      => '/usr/sbin/nologin',
  }

  file {
    default:
      ensure => directory,
      mode   => '0750',
      ;
    $paths['config_dir']:
      owner => 'root',
      group => $name,
      ;
    $paths['data_dir']:
      owner => $name,
      group => $name,
      ;
    # Setgid: the group adm may read the log, whoever creates it.
    $paths['log_dir']:
      owner => $name,
      group => 'adm',
      mode  => '2750',
      ;
  }

  file { $paths['config']:
    ensure    => file,
    owner     => 'root',
    group     => $name,
    mode      => '0640',
    content   => Sensitive(epp('flask_microservice/default_config.ini.epp', { settings => $settings.unwrap })),
    show_diff => false,
    backup    => false,
  }

  file { $paths['logrotate']:
    ensure  => file,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('flask_microservice/logrotate.epp', {
        log      => $paths['log'],
        service  => $name,
        keep     => $log['keep'].lest || { 14 },
        max_size => $log['max_size'].lest || { '100M' },
        max_age  => $log['max_age'],
    }),
    require => Class['flask_microservice::logrotate'],
  }
}
