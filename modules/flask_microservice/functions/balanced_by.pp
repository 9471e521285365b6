# @summary Whether a balancer is in front of a service
#
# @param gateway an entry of `flask_microservice::gateways`
# @param service the service's name
# @return whether its `only` and `except` leave the service to it
#
# @example
#   flask_microservice::balanced_by({ 'except' => ['orders'] }, 'orders')  # false
function flask_microservice::balanced_by(Hash $gateway, Flask_microservice::Name $service) >> Boolean {
  ($gateway['only'] =~ Undef or $service in $gateway['only']) and !($service in $gateway['except'].lest || { [] })
}
