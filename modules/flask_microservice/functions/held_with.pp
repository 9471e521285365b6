# @summary Services that stay on a node for now, and what they need there
#
# @param reasons why services stay
# @param able the services that can stay
# @return the same, and why others stay with them: an upstream that is asked on the node, and one of the same package
#
# @api private
function flask_microservice::held_with(Hash[String, String[1]] $reasons, Hash $able) >> Hash[String, String[1]] {
  $staying = flask_microservice::part_of($able, $reasons.keys)
  $needed = ($able - $reasons.keys).map |$name, $its| {
    $package = $its['package'].lest || { $name }
    $asking = $staying.filter |$_, $other| { $name in $other['upstreams'].lest || { [] } }.keys
    $sharing = $staying.filter |$other, $declared| { $package == $declared['package'].lest || { $other } }.keys
    [$name, ($asking + $sharing)[0]]
  }.filter |$_, $pair| { $pair[1] }
  $needed.empty ? {
    true    => $reasons,
    default => flask_microservice::held_with(
      $reasons + Hash($needed.map |$_, $pair| { [$pair[0], "${pair[1]} stays, and needs it"] }),
      $able,
    ),
  }
}
