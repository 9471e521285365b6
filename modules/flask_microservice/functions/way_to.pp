# @summary How a service of this node reaches one of its upstreams
#
# One that runs on the node is asked there, unless `through: balancer` says otherwise; one that runs elsewhere, at the balancer.
#
# @param upstream the upstream
# @param declared the declaration of the service that asks it
# @param running the services that run on the node
# @param beyond `services`: all of the fleet; `gateways` and `external`: the parameters of the class
# @return `url`; `addresses` to connect to, and the `port` there; `host` and the `ca_file` that verifies it, if need be; undef if
#   there is no way
#
# @api private
function flask_microservice::way_to(
  Flask_microservice::Name $upstream,
  Hash $declared,
  Hash $running,
  Hash $beyond,
) >> Optional[Hash] {
  $here = $running[$upstream]
  $external = $beyond['external'][$upstream]
  $its = $here.lest || { $beyond['services'][$upstream] }
  $gateway = $beyond['gateways'].filter |$_, $gateway| { flask_microservice::balanced_by($gateway, $upstream) }.keys[0]

  $way = if $external {
    $host = regsubst($external['url'], '\A[a-z]+://(\[.*\]|[^:/]+).*\z', '\1')
    $scheme = { 'http' => 80, 'https' => 443 }
    $port = $external['url'] ? {
      /\A[a-z]+:\/\/(\[.*\]|[^:\/]+):([0-9]+)/ => Integer($2, 10),
      default                                 => $scheme[$external['url'].split(':')[0]],
    }
    $of_elsewhere = {
      'url'       => $external['url'],
      'port'      => $port,
      'addresses' => $external['addresses'],
      'host'      => $host ? { Variant[Stdlib::IP::Address, Pattern[/\A\[/]] => undef, default => $host },
      'ca_file'   => $external['url'] ? { /\Ahttps/ => $external['ca_file'].lest || { 'public' }, default => undef },
    }
    $of_elsewhere
  } elsif $here and !$declared['through'] {
    $here['port'] ? {
      Undef   => undef,
      default => {
        'url'       => flask_microservice::url($here),
        'port'      => $here['port'],
        'addresses' => [flask_microservice::local_address($here)],
      },
    }
  } elsif $its and $gateway and $its['ensure'] != 'absent' and flask_microservice::reached_from_elsewhere($its) {
    $of_balancer = {
      'url'       => "https://${gateway}:${its['port']}",
      'port'      => $its['port'],
      'addresses' => [$beyond['gateways'][$gateway]['address']],
      'host'      => $gateway,
      'ca_file'   => $beyond['gateways'][$gateway]['ca_file'],
    }
    $of_balancer
  }
  $way
}
