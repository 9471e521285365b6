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
  # Each expression takes longer than a comparison with all these names, so most services go through these three only.
  $suspect = $services.filter |$name, $declared| {
    $name =~ Flask_microservice::System_name
    or $declared['package'] =~ Flask_microservice::System_package
    or $name =~ /-check\z/
  }
  $suspect.map |$name, $declared| {
    $what = "service ${name} can't have that name"
    $package = $declared['package'].lest || { $name }
    $base = regsubst($name, '-check\z', '')
    if $name =~ Flask_microservice::System_account {
      ["${what}: an account or group of the system has it, which would become the service's, and go with it; choose another one"]
    } elsif $name =~ Flask_microservice::System_unit {
      ["${what}: a unit of the system has it, which that of the service would replace; choose another one"]
    } elsif $name =~ Flask_microservice::System_directory {
      ["${what}: something in /etc, /var/lib or /var/log has it that is not the service's; choose another one"]
    } elsif $package =~ Flask_microservice::System_package {
      ["service ${name} can't run from the package ${package}: the system needs that, and it would go with the service"]
    } elsif $base != $name and $base in $services {
      ["${what} beside ${base}, whose releases are tried as ${name}@RELEASE.service; choose another one"]
    } else {
      []
    }
  }.flatten
}
