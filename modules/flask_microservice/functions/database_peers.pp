# @summary Where a service has to connect to for its database
#
# @param declared the service's declaration
# @param server flask_microservice::database
# @return the server's address and port, if the service has a database there
#
# @api private
function flask_microservice::database_peers(
  Hash $declared,
  Optional[Flask_microservice::Database_server] $server,
) >> Array[Flask_microservice::Peer] {
  if $declared['database'] and $server {
    [flask_microservice::listen($server['address'], $server['port'].lest || { 5432 })]
  } else {
    []
  }
}
