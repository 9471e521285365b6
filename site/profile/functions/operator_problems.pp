# @summary Which people can't have an account as Hiera says
#
# @param people profile::operators::people
# @param services the names of all services that Hiera declares: each has an account of its name on its nodes
# @return one sentence a problem; none if all is well
#
# @api private
function profile::operator_problems(
  Hash[Profile::Operator_name, Profile::Operator] $people,
  Array[String[1]] $services,
) >> Array[String[1]] {
  $names = $people.keys.map |$name| {
    if $name =~ Flask_microservice::System_account {
      ["${name}: an account or group of the system has that name, and this would take it over; choose another one"]
    } elsif $name in $services {
      ["${name}: a service has that name, and with it an account of the same name; choose another one"]
    } else {
      []
    }
  }
  # Whoever comes with a shared key could be either of two people, in every record of what was done.
  $owners = $people.reduce({}) |$found, $entry| {
    [$name, $person] = $entry
    $keys = $person['ensure'] ? {
      'absent' => [],
      default  => $person['keys'].map |$key| { $key.split(' ')[1] }.unique,
    }
    $found + Hash($keys.map |$key| { [$key, $found[$key].lest || { [] } + [$name]] })
  }
  $shared = $owners.values.filter |$owners_of_one| { $owners_of_one.length > 1 }.unique.map |$owners_of_one| {
    "${owners_of_one.join(' and ')}: they have the same key, so nobody could tell who did what; each needs one of their own"
  }
  $names.flatten + $shared
}
