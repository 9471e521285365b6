# @summary What a service's config says before anyone has declared anything
#
# @param service the service's name
# @param package the name of its package
# @param from_template whether it was made from the template: of another one's config nothing is known
# @param log how it logs
# @return section => key => value
#
# @api private
function flask_microservice::base_config(
  Flask_microservice::Name $service,
  Flask_microservice::Name $package,
  Boolean $from_template,
  Flask_microservice::Log $log,
) >> Hash {
  $paths = flask_microservice::paths($service, $package)
  $level = $log['level'] ? {
    undef   => {},
    default => { 'log' => { 'level' => $log['level'] } },
  }
  # The package's own defaults are for the one service of its name.
  $places = $package ? {
    $service => {},
    default  => {
      'log'      => { 'file' => $paths['log'] },
      'database' => { 'url' => "sqlite:///${paths['data_dir']}/${service}.db" },
    },
  }
  $from_template ? {
    true    => flask_microservice::merged($places, $level),
    default => {},
  }
}
