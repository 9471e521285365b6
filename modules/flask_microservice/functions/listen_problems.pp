# @summary What is wrong with the ports and sockets of a node's services
#
# @param services what flask_microservice::services declares, those with `ensure: absent` left out
# @return one sentence a problem; none if all is well
#
# @api private
function flask_microservice::listen_problems(
  Hash $services,
) >> Array[String[1]] {
  $mend = 'in flask_microservice::services'
  $shared = ['port', 'socket'].map |$_, $kind| {
    $declared = $services.filter |$_, $its| { $its[$kind] }
    $declared.keys.group_by |$name| { $declared[$name][$kind] }.filter |$_, $names| { $names.length > 1 }.map |$it, $names| {
      "services ${names.sort.join(' and ')} share ${kind} ${it}: give each its own '${kind}' ${mend}"
    }
  }
  $counted = $services.map |$name, $its| {
    if $its['port'] and $its['socket'] {
      ["service ${name} has both a port and a socket: drop one of them ${mend}"]
    } elsif !$its['port'] and !$its['socket'] {
      ["service ${name} has neither a port nor a socket: give it one ${mend}"]
    } else {
      []
    }
  }
  $shared.flatten + $counted.flatten
}
