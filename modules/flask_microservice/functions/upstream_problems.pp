# @summary What is wrong with the upstreams of one service
#
# @param service the service's name
# @param declared its declaration
# @param running all services of the node
# @param beyond what is beyond the node, as `flask_microservice::way_to` takes it
# @return one sentence a problem; none if all is well
#
# @api private
function flask_microservice::upstream_problems(
  Flask_microservice::Name $service,
  Hash $declared,
  Hash $running,
  Hash $beyond,
) >> Array[String[1]] {
  $mend = "in flask_microservice::services (${service})"
  $upstreams = $declared['upstreams'].lest || { [] }
  $of_each = $upstreams.map |$_, $upstream| {
    $what = "service ${service} has the upstream ${upstream}"
    $its = $running[$upstream].lest || { $beyond['services'][$upstream] }
    $unreachable = if flask_microservice::way_to($upstream, $declared, $running, $beyond) {
      []
    } elsif $its =~ Undef or $its['ensure'] == 'absent' {
      ["${what}, which is no service of this node: mend 'upstreams' ${mend}"]
    } elsif $its['socket'] {
      ["${what}, which has a socket and no port to be asked on: mend 'upstreams' ${mend}"]
    } elsif !flask_microservice::reached_from_elsewhere($its) {
      ["${what}, which only its own node can reach: mend 'address' in flask_microservice::services (${upstream})"]
    } else {
      $where = ($upstream in $running) ? {
        true    => "is asked through the balancer from ${trusted['certname']} ('through' ${mend})",
        default => "does not run on ${trusted['certname']}",
      }
      $missing = 'no balancer in flask_microservice::gateways is in front of it: declare one'
      ["${what}, which ${where}, and ${missing}, or mend 'upstreams' ${mend}"]
    }
    # Which of the two would win is anyone's guess.
    $twice = $declared.dig('config', 'upstreams', $upstream) ? {
      undef   => [],
      default => ["service ${service} has ${upstream} both in 'upstreams' and in 'config': drop one of them ${mend}"],
    }
    $ambiguous = ($upstream in $beyond['external'] and $its !~ Undef) ? {
      true    => ["${what}, which is in flask_microservice::services and in flask_microservice::external: drop one of them"],
      default => [],
    }
    $unreachable + $twice + $ambiguous
  }.flatten

  $ways = flask_microservice::ways($declared, $running, $beyond)
  $authorities = $ways.map |$_, $way| { $way['ca_file'] }.filter |$_, $file| { $file }.unique.sort
  $at_odds = ($authorities.length > 1 and !$declared.dig('environment', 'REQUESTS_CA_BUNDLE')) ? {
    true    => [@("PROBLEM"/L)],
      service ${service} has upstreams whose certificates are of different authorities (ca_file: ${authorities.join(', ')}): \
      put their certificates into one file, and name it in 'environment' (REQUESTS_CA_BUNDLE) ${mend}
      |-PROBLEM
    default => [],
  }
  $of_each + $at_odds
}
