# @summary What a socket unit listens on, for an address and a port (systemd.socket(5), ListenStream=)
#
# @param address the address
# @param port the TCP port
# @return both as systemd reads them
#
# @example
#   flask_microservice::listen('::', 7001)  # [::]:7001
function flask_microservice::listen(Stdlib::IP::Address::Nosubnet $address, Flask_microservice::Port $port) >> String[1] {
  $address ? {
    Stdlib::IP::Address::V6::Nosubnet => "[${address}]:${port}",
    default                           => "${address}:${port}",
  }
}
