# @summary The fixed paths of a service: the contract between this module and the service's package
#
# Every service has the same shape, so a name is enough to know where its parts are. No other manifest,
# function or template of the module spells one of these out. The program on the node has those of releases and units in
# places.py, and the provider of flask_microservice_release asks for three of them.
#
# @param service the service's name
# @param package the name of its package, where several services run from one
# @return where its parts are, and the WSGI application of a service made from the template
#
# @example The config file that Puppet writes
#   flask_microservice::paths('orders')['config']  # /etc/orders/default_config.ini
function flask_microservice::paths(
  Flask_microservice::Name $service,
  Flask_microservice::Name $package = $service,
) >> Hash[String[1], String[1]] {
  $python_package = regsubst($package, '-', '_', 'G')
  $paths = {
    'virtualenv'  => "/opt/venvs/${package}",
    'command'     => "/usr/bin/${package}",
    'config_dir'  => "/etc/${service}",
    'config'      => "/etc/${service}/default_config.ini",
    'environment' => "/etc/${service}/secret_environment",
    'data_dir'    => "/var/lib/${service}",
    'log_dir'     => "/var/log/${service}",
    'log'         => "/var/log/${service}/${service}.log",
    'logrotate'   => "/etc/logrotate.d/${service}",
    'releases'    => "/opt/releases/${service}",
    'unit'        => "/etc/systemd/system/${service}@.service",
    'application' => "${python_package}.application:create_app()",
  }
  $paths
}
