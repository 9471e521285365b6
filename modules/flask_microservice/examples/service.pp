# One service made from the template, on port 7002, from a package that apt knows.
flask_microservice::service { 'inventory':
  port    => 7002,
  version => '1.0.0-1',
  config  => { 'log' => { 'level' => 'debug' } },
}
