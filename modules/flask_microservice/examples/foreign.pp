# An application that was not made from the template, behind a proxy of its own machine; examples/httpbin is its package.
flask_microservice::service { 'httpbin':
  port        => 7010,
  address     => '127.0.0.1',
  version     => '0.10.4-1',
  application => 'httpbin:app',
  health_path => '/status/200',
}
