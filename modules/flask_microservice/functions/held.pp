# @summary Which services of a node stay there for now, though they are placed elsewhere
#
# Only one that serves is asked about; it stays with all that it needs on the node. One whose port another service of the node gets
# can't stay.
#
# @param function the name of the function that says who is to stay, see `flask_microservice::held_by`
# @param moved the names of the services that are on the node and are placed elsewhere
# @param present the services that the node runs
# @param anywhere those that are placed on any node
# @param groups flask_microservice::groups
# @param gateways flask_microservice::gateways
# @return why each of them stays
#
# @api private
function flask_microservice::held(
  String[1] $function,
  Array[String] $moved,
  Hash $present,
  Hash $anywhere,
  Hash $groups,
  Hash $gateways,
) >> Hash[String, String[1]] {
  $ports = $present.map |$_, $its| { $its['port'] }
  $able = flask_microservice::part_of($anywhere, $moved).filter |$name, $its| {
    $its['ensure'] != 'absent'
    and $facts.dig('flask_microservices', $name, 'state') == 'serving'
    and ($its['port'] =~ Undef or !($its['port'] in $ports))
  }
  $able.empty ? {
    true    => {},
    default => flask_microservice::held_with(call($function, $able, $groups, $gateways), $able),
  }
}
