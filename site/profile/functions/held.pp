# @summary Which services this node keeps for now, though they are placed elsewhere: those that clients would miss
#
# A service goes once the last runs of its new nodes, and with these of the balancers in front of it, have not failed. That is what
# PuppetDB says: a run's report names the catalog that it applied, and a balancer's catalog has the nodes that it knew of.
#
# @param leaving the services that serve here, and are placed elsewhere
# @param groups flask_microservice::groups
# @param gateways flask_microservice::gateways
# @return why each of those stays that has to; for `flask_microservice::held_by`
#
# @example Hiera
#   flask_microservice::held_by: profile::held
function profile::held(
  Hash[Flask_microservice::Name, Hash] $leaving,
  Hash $groups,
  Hash $gateways,
) >> Hash[String[1], String[1]] {
  # Nobody asks the others from elsewhere.
  $reachable = profile::reachable($leaving)
  $told = $reachable.empty ? {
    true    => undef,
    default => profile::runs_of_tier($reachable.keys),
  }
  $reasons = $told ? {
    Undef   => {},
    String  => $reachable.map |$name, $_| { [$name, $told] },
    default => $reachable.map |$name, $its| {
      [$name, profile::awaited($name, profile::others_with($name, $its, $groups, $told), $gateways, $told)]
    },
  }
  Hash(Array($reasons).filter |$_, $pair| { $pair[1] })
}
