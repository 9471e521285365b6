# @summary The balancers through which services reach those that run on other nodes: name => balancer
#
# The name is the one in the balancer's certificate, its certname if nothing else was arranged. `address` is where it is reached:
# services ask no name server. `ca_file` holds the certificate of the authority that signed the balancer's, and has to be readable
# for the services' accounts. A balancer is in front of all services that other nodes can reach, unless it names some in `only` or
# `except`. Those in `internal` are for nodes alone: it lets in no other client.
#
# @example
#   { 'lb1.example.org' => { 'address' => '192.0.2.51', 'ca_file' => '/etc/ssl/ca.pem', 'internal' => ['inventory'] } }
type Flask_microservice::Gateways = Hash[Stdlib::Fqdn, Struct[{
      address            => Stdlib::IP::Address::Nosubnet,
      ca_file            => Stdlib::Absolutepath,
      Optional[only]     => Array[Flask_microservice::Name],
      Optional[except]   => Array[Flask_microservice::Name],
      Optional[internal] => Array[Flask_microservice::Name],
}]]
