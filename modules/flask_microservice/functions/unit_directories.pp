# @summary The directories that systemd makes for a service because its unit declares them
#
# What systemd fills in is a pattern, as `Dir.glob` of Ruby takes it: `*` for what differs from release to release. Those with a
# name that the system has are left out, since something else is in them.
#
# @param service the service's name
# @param unit what it declares as `unit`
# @return their paths
#
# @see systemd.exec(5), StateDirectory=
#
# @example
#   flask_microservice::unit_directories('orders', { 'Service' => { 'CacheDirectory' => 'orders-cache shop/%i' } })
#   # ['/var/cache/orders-cache', '/var/cache/shop/*']
function flask_microservice::unit_directories(
  Flask_microservice::Name $service,
  Flask_microservice::Directives $unit,
) >> Array[Stdlib::Absolutepath] {
  $bases = {
    'StateDirectory'         => '/var/lib',
    'CacheDirectory'         => '/var/cache',
    'LogsDirectory'          => '/var/log',
    'ConfigurationDirectory' => '/etc',
    'RuntimeDirectory'       => '/run',
  }
  $bases.map |$directive, $base| {
    $words = [$unit.dig('Service', $directive)].flatten.map |$value| { String($value).regsubst('"', '', 'G').split(/\s+/) }.flatten
    # A word is NAME or NAME:LINK.
    $names = $words.map |$word| { $word.split(':')[0, 2] }.flatten.filter |$name| {
      $parts = $name.split('/')
      $name and !$parts.empty and $parts.filter |$part| { $part in ['', '.', '..'] }.empty
      and $parts[0] !~ Flask_microservice::System_name
    }
    $names.map |$name| {
      # %p is the name of the unit: the service's own, or that of its check.
      $known = $name.split('/').join('/').regsubst('[\\\\*?\[\]{}]', '\\\\\0', 'G').regsubst('%p', "{${service},${service}-check}", 'G')
      "${base}/${known.regsubst('%[^%]', '*', 'G').regsubst('%%', '%', 'G')}"
    }
  }.flatten.unique
}
