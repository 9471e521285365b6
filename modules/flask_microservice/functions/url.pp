# @summary The base URL at which a service answers the other services of its node
#
# @param declared the service's declaration, of which address and port count
# @return its URL; a service that listens on all addresses is asked on the loopback one
#
# @example The service at port 7002
#   flask_microservice::url({ 'port' => 7002 })  # http://127.0.0.1:7002
function flask_microservice::url(Hash $declared) >> String[1] {
  "http://${flask_microservice::listen(flask_microservice::local_address($declared), $declared['port'])}"
}
