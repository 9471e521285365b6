# @summary Which services have the name of something that is not theirs, and why that won't do
#
# @param services the declarations of services, those with `ensure: absent` among them, since what goes with one goes then
# @return one sentence a problem; none if all is well
#
# @see https://www.debian.org/doc/debian-policy/ch-opersys.html#users-and-groups
#
# @example
#   flask_microservice::name_problems({ 'news' => { 'port' => 7001 } })
#   # ["service news can't have that name: an account or group of the system has it, which ...; choose another one"]
function flask_microservice::name_problems(
  Hash $services,
) >> Array[String[1]] {
  $services.map |$name, $declared| {
    $what = "service ${name} can't have that name"
    $owned = $name ? {
      Flask_microservice::System_account =>
        ["${what}: an account or group of the system has it, which would become the service's, and go with it; choose another one"],
      Flask_microservice::System_unit =>
        ["${what}: a unit of the system has it, which that of the service would replace; choose another one"],
      Flask_microservice::System_directory =>
        ["${what}: something in /etc, /var/lib or /var/log has it that is not the service's; choose another one"],
      default => [],
    }
    $package = $declared['package'].lest || { $name }
    $needed = $package ? {
      Flask_microservice::System_package =>
        ["service ${name} can't run from the package ${package}: the system needs that, and it would go with the service"],
      default => [],
    }
    $base = regsubst($name, '-check\z', '')
    $tried = if $base != $name and $base in $services {
      ["${what} beside ${base}, whose releases are tried as ${name}@RELEASE.service; choose another one"]
    } else {
      []
    }
    # One reason is enough.
    [$owned, $needed, $tried].filter |$_, $each| { !$each.empty }[0].lest || { [] }
  }.flatten
}
