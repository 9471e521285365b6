# @summary What is wrong with the services of a node, in words for whoever declared them
#
# Types have seen to the shape of each value already; this is about what only all of them together can tell. No message
# holds the value of a secret.
#
# @param services what flask_microservice::services declares, those with `ensure: absent` left out
# @param versions flask_microservice::versions
# @param secrets flask_microservice::secrets
# @param database flask_microservice::database
# @return one sentence a problem: what is wrong, with which service, which Hiera key to mend; none if all is well
function flask_microservice::problems(
  Hash[Flask_microservice::Name, Flask_microservice::Declaration] $services,
  Hash[Flask_microservice::Name, Flask_microservice::Version] $versions,
  Sensitive[Hash[Flask_microservice::Name, Flask_microservice::Config]] $secrets,
  Optional[Flask_microservice::Database_server] $database,
) >> Array[String[1]] {
  $names_by_port = $services.group_by |$name, $declared| { $declared['port'] }.map |$port, $entries| {
    [$port, $entries.map |$entry| { $entry[0] }]
  }
  $shared_ports = $names_by_port.filter |$entry| { $entry[1].length > 1 }.map |$entry| {
    "services ${entry[1].sort.join(' and ')} share port ${entry[0]}: give each its own 'port' in flask_microservice::services"
  }
  $of_each = $services.map |$name, $declared| {
    $version = $versions[$name].lest || { $declared['version'] }
    $unpinned = $version ? {
      undef   => ["service ${name} has no version: pin one in flask_microservice::versions (${name}: 'VERSION')"],
      default => [],
    }
    $unpinned
    + flask_microservice::upstream_problems($name, $declared, $services.keys)
    + flask_microservice::secret_problems($name, $declared, $secrets)
    + flask_microservice::database_problems($name, $declared, $database, $secrets)
  }
  $shared_ports + $of_each.flatten
}
