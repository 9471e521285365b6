# @summary What is wrong with the packages of a node's services: one that several run from has one version
#
# @param services what flask_microservice::services declares, those with `ensure: absent` left out
# @param versions flask_microservice::versions
# @return one sentence a problem; none if all is well
#
# @api private
function flask_microservice::package_problems(
  Hash $services,
  Hash $versions,
) >> Array[String[1]] {
  # Only those that another one than the service of its name runs from can be at two versions.
  $shared = Hash($services.filter |$_, $its| { $its['package'] }.map |$_, $its| { [$its['package'], true] })
  $shared.map |$package, $_| {
    $names = $services.filter |$name, $its| { $its['package'].lest || { $name } == $package }.keys
    $found = $names.map |$_, $name| { flask_microservice::version_of($name, $services[$name], $versions) }.unique
    $what = "services ${names.sort.join(' and ')} run from the package ${package} at different versions"
    $found.length ? {
      1       => undef,
      default => "${what}: pin ${package} once in flask_microservice::versions",
    }
  }.filter |$_, $problem| { $problem }
}
