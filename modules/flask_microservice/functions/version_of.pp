# @summary The version at which a service runs: its own pin, else that of its package, else what its declaration says
#
# @param service the service's name
# @param declared its declaration
# @param versions flask_microservice::versions
# @return the version; undef if none is said anywhere
#
# @api private
function flask_microservice::version_of(
  Flask_microservice::Name $service,
  Hash $declared,
  Hash $versions,
) >> Optional[Flask_microservice::Version] {
  $package = $declared['package'].lest || { $service }
  $versions[$service].lest || { $versions[$package].lest || { $declared['version'] } }
}
