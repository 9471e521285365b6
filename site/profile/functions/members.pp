# @summary The services of this node as its tier's balancers find them
#
# One that stays for now is found where it was at the node's last run: its declaration may say another port by now.
#
# @param address where this node is reached; needed for those that listen on all addresses
# @return by name: `address`, `port` and `threads`
#
# @api private
function profile::members(Stdlib::IP::Address::Nosubnet $address) >> Hash {
  $staying = profile::reachable($flask_microservice::staying)
  $declared = Hash((profile::reachable($flask_microservice::placed) + $staying).map |$name, $its| {
      $listens = $its['address'] ? {
        Variant[Undef, Enum['0.0.0.0', '::']] => $address,
        default                               => $its['address'],
      }
      [$name, { 'address' => $listens, 'port' => $its['port'], 'threads' => flask_microservice::threads($its) }]
  })
  $keeping = $staying.keys + $flask_microservice::staying_undeclared
  $told = $keeping.empty ? {
    true    => undef,
    default => profile::ask_puppetdb({ 'members' => @("PQL"/L) }),
      resources[parameters] { certname = "${trusted['certname']}" and exported = true \
      and type = "Profile::Load_balancer::Member" }
      |-PQL
  }
  $last = $told ? {
    Hash    => Hash($told['members'].filter |$_, $row| { $row.dig('parameters', 'service') in $keeping }.map |$_, $row| {
        [$row['parameters']['service'], flask_microservice::part_of($row['parameters'], ['address', 'port', 'threads'])]
    }),
    default => {},
  }
  $declared + $last
}
