# @summary What is wrong with the upstreams of one service
#
# @param service the service's name
# @param declared its declaration
# @param running the names of all services of the node
# @return one sentence a problem; none if all is well
#
# @api private
function flask_microservice::upstream_problems(
  Flask_microservice::Name $service,
  Flask_microservice::Declaration $declared,
  Array[Flask_microservice::Name] $running,
) >> Array[String[1]] {
  $mend = "in flask_microservice::services (${service})"
  $declared['upstreams'].lest || { [] }.map |$upstream| {
    $unknown = $upstream in $running ? {
      true    => [],
      default => ["service ${service} has the upstream ${upstream}, which is no service of this node: mend 'upstreams' ${mend}"],
    }
    # Which of the two would win is anyone's guess.
    $twice = $declared.dig('config', 'upstreams', $upstream) ? {
      undef   => [],
      default => ["service ${service} has ${upstream} both in 'upstreams' and in 'config': drop one of them ${mend}"],
    }
    $unknown + $twice
  }.flatten
}
