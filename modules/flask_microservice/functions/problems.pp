# @summary What is wrong with the services of a node, in words for whoever declared them
#
# Types have seen to the shape of each value already; this is about what only all of them together can tell. No message
# holds the value of a secret. Functions take what a parameter of the class or of the service holds as a Hash: its type was
# checked there, and each further check of the same takes as long as making a text of it.
#
# @param services what flask_microservice::services places on the node, those with `ensure: absent` left out
# @param versions flask_microservice::versions
# @param secrets flask_microservice::secrets
# @param secret_environment flask_microservice::secret_environment
# @param database flask_microservice::database
# @param beyond what is beyond the node: `services`, all of the fleet; `gateways` and `external`, the parameters of the class
# @return one sentence a problem: what is wrong, with which service, which Hiera key to mend; none if all is well
function flask_microservice::problems(
  Hash $services,
  Hash $versions,
  Sensitive[Hash] $secrets,
  Sensitive[Hash] $secret_environment,
  Optional[Flask_microservice::Database_server] $database,
  Hash $beyond,
) >> Array[String[1]] {
  $of_each = $services.map |$name, $declared| {
    $version = flask_microservice::version_of($name, $declared, $versions)
    $unpinned = $version ? {
      undef   => ["service ${name} has no version: pin one in flask_microservice::versions (${name}: 'VERSION')"],
      default => [],
    }
    $unfit = $declared['secret_environment'] ? {
      undef   => [],
      default => flask_microservice::environment_problems($name, $declared, $secret_environment),
    }
    $unpinned
    + flask_microservice::upstream_problems($name, $declared, $services, $beyond)
    + flask_microservice::secret_problems($name, $declared, $secrets)
    + $unfit
    + flask_microservice::database_problems($name, $declared, $database, $secrets)
  }
  flask_microservice::listen_problems($services)
  + flask_microservice::package_problems($services, $versions)
  + $of_each.flatten
}
