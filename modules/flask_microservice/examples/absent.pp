# The same service taken away: package, config, units and releases go; /var/lib/inventory and /var/log/inventory stay.
flask_microservice::service { 'inventory':
  ensure => absent,
  port   => 7002,
}
