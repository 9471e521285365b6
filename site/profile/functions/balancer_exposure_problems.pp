# @summary What is wrong with what a balancer shows to its clients, and with what it promises to them
#
# @param services the services that it is in front of
# @param plain_ports profile::load_balancer::plain_ports
# @param tls profile::load_balancer::tls
# @param hsts_seconds profile::load_balancer::hsts_seconds
# @param hidden_paths profile::load_balancer::hidden_paths
# @param public_paths profile::load_balancer::public_paths
# @return one sentence a problem; none if all is well
#
# @see https://www.rfc-editor.org/rfc/rfc6797
#
# @api private
function profile::balancer_exposure_problems(
  Array[Flask_microservice::Name] $services,
  Hash[Flask_microservice::Name, Stdlib::Port] $plain_ports,
  Boolean $tls,
  Optional[Integer[1]] $hsts_seconds,
  Array[Flask_microservice::Http_path] $hidden_paths,
  Hash[Flask_microservice::Name, Array[Flask_microservice::Http_path]] $public_paths,
) >> Array[String[1]] {
  # A browser keeps to HTTPS for a name, whatever the port: it would not find the plain ones any more.
  $without_tls = $tls ? {
    true    => $plain_ports.empty ? { true => undef, default => 'plain_ports' },
    default => 'tls: false',
  }
  $hsts = ($hsts_seconds and $without_tls) ? {
    true    => [
      "browsers that have seen profile::load_balancer::hsts_seconds no longer reach ports without TLS: drop it, or ${without_tls}",
    ],
    default => [],
  }
  $strangers = ($public_paths.keys - $services).map |$name| {
    "profile::load_balancer::public_paths has ${name}, which is no service that is reached through here"
  }
  $unhidden = $public_paths.map |$name, $paths| {
    ($paths - $hidden_paths).map |$path| {
      "profile::load_balancer::public_paths (${name}) has ${path}, which is not in hidden_paths: drop it"
    }
  }
  $hsts + $strangers + $unhidden.flatten
}
