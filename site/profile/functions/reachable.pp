# @summary The services that other machines can reach: those that run, and listen on a port that is not their own machine's
#
# One on a unix socket or on a loopback address is no business of a firewall or a balancer.
#
# @param services what flask_microservice::services declares
# @return those of them that can be reached
#
# @example
#   profile::reachable({ 'orders' => { 'port' => 7001 }, 'hidden' => { 'socket' => '/run/hidden.sock' } })  # orders alone
function profile::reachable(
  Hash[Flask_microservice::Name, Flask_microservice::Declaration] $services,
) >> Hash[Flask_microservice::Name, Flask_microservice::Declaration] {
  $services.filter |$_, $its| {
    $its['ensure'] != 'absent' and flask_microservice::reached_from_elsewhere($its)
  }
}
