# Two services of one node, the one asking the other: its URL lands in the config of orders. With Hiera, the same three
# parameters are keys of the same names, and secrets stand in it encrypted.
class { 'flask_microservice':
  services => {
    'inventory' => { 'port' => 7002 },
    'orders'    => {
      'port'      => 7001,
      'upstreams' => ['inventory'],
      'secrets'   => { 'app' => ['secret_key'] },
    },
  },
  versions => { 'inventory' => '1.0.0-1', 'orders' => '1.0.0-1' },
  secrets  => Sensitive({ 'orders' => { 'app' => { 'secret_key' => 'only an example' } } }),
}
