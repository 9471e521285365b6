# @summary What is wrong with the upstreams of one service
#
# @param service the service's name
# @param declared its declaration
# @param running all services of the node
# @return one sentence a problem; none if all is well
#
# @api private
function flask_microservice::upstream_problems(
  Flask_microservice::Name $service,
  Hash $declared,
  Hash $running,
) >> Array[String[1]] {
  $mend = "in flask_microservice::services (${service})"
  $declared['upstreams'].lest || { [] }.map |$_, $upstream| {
    $unreachable = if !($upstream in $running) {
      ["service ${service} has the upstream ${upstream}, which is no service of this node: mend 'upstreams' ${mend}"]
    } elsif $running[$upstream]['socket'] {
      ["service ${service} has the upstream ${upstream}, which has a socket and no port to be asked on: mend 'upstreams' ${mend}"]
    } else {
      []
    }
    # Which of the two would win is anyone's guess.
    $twice = $declared.dig('config', 'upstreams', $upstream) ? {
      undef   => [],
      default => ["service ${service} has ${upstream} both in 'upstreams' and in 'config': drop one of them ${mend}"],
    }
    $unreachable + $twice
  }.flatten
}
