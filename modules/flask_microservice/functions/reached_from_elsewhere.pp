# @summary Whether other nodes can reach a service: it listens on a port, and not on a loopback address alone
#
# @param declared the service's declaration
# @return whether they can
#
# @example
#   flask_microservice::reached_from_elsewhere({ 'port' => 7001, 'address' => '127.0.0.1' })  # false
function flask_microservice::reached_from_elsewhere(Hash $declared) >> Boolean {
  $declared['port'] !~ Undef and $declared['address'] !~ Pattern[/\A127\./, /\A::1\z/]
}
