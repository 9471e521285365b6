# @summary What is wrong with a balancer that nodes reach each other's services through
#
# @param gateway its entry in flask_microservice::gateways; empty if it has none
# @param tls profile::load_balancer::tls
# @param except profile::load_balancer::except
# @param nodes profile::load_balancer::nodes
# @return one sentence a problem; none if all is well
#
# @api private
function profile::gateway_problems(
  Hash $gateway,
  Boolean $tls,
  Array[Flask_microservice::Name] $except,
  Array[Stdlib::IP::Address] $nodes,
) >> Array[String[1]] {
  $here = "flask_microservice::gateways (${trusted['certname']})"
  $plain = (!$gateway.empty and !$tls) ? {
    true    => ["nodes reach it by HTTPS, as ${here} has it: drop 'profile::load_balancer::tls: false'"],
    default => [],
  }
  $unknown = ($gateway.empty or $except.empty) ? {
    true    => [],
    default => ["nodes don't know of profile::load_balancer::except: say it as 'except' in ${here}"],
  }
  $internal = $gateway['internal'].lest || { [] }
  $closed = ($internal.empty or !$nodes.empty) ? {
    true    => [],
    default => ['nobody could reach its internal services: say in profile::load_balancer::nodes from where nodes connect'],
  }
  $plain + $unknown + $closed
}
