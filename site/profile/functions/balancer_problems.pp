# @summary What is wrong with the ports of a balancer
#
# HAProxy takes two services at one port without a word, and gives each of them requests that are the other's.
#
# @param services the services that it is in front of
# @param plain_ports profile::load_balancer::plain_ports
# @return one sentence a problem; none if all is well
#
# @api private
function profile::balancer_problems(
  Hash[Flask_microservice::Name, Flask_microservice::Declaration] $services,
  Hash[Flask_microservice::Name, Stdlib::Port] $plain_ports,
) >> Array[String[1]] {
  $strangers = ($plain_ports.keys - $services.keys).map |$name| {
    "profile::load_balancer::plain_ports has ${name}, which is no service that is reached through here"
  }
  $ports = $services.map |$_, $its| { $its['port'] } + $plain_ports.values
  $shared = $ports.group_by |$port| { $port }.filter |$_, $same| { $same.length > 1 }.map |$port, $_| {
    "more than one service has the port ${port}: mend profile::load_balancer::plain_ports or flask_microservice::services"
  }
  $strangers + $shared
}
