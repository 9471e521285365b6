# @summary The address of a service's database, with its login, as libpq and SQLAlchemy take it
#
# Database and login both have the service's name. The server's certificate is verified, and so is the name in it.
#
# @param service the service's name
# @param server where the server is
# @param password the login's password
# @return the URL, which holds the password
#
# @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
#
# @example The database of the service orders
#   flask_microservice::database_url('orders', $server, Sensitive('hush'))
#   # postgresql://orders:hush@db1.example.com/orders?hostaddr=192.0.2.41&sslmode=verify-full&sslrootcert=%2Fetc%2Fssl%2Fca.pem
function flask_microservice::database_url(
  Flask_microservice::Name $service,
  Flask_microservice::Database_server $server,
  Sensitive[String[1]] $password,
) >> Sensitive[String[1]] {
  $secret = flask_microservice::percent_encode($password.unwrap)
  $port = $server['port'].then |$number| { ":${number}" }
  $options = {
    'hostaddr'    => $server['address'],
    'sslmode'     => 'verify-full',
    'sslrootcert' => $server['ca_file'],
  }.map |$key, $value| { "${key}=${flask_microservice::percent_encode($value)}" }
  Sensitive("postgresql://${service}:${secret}@${server['host']}${port}/${service}?${options.join('&')}")
}
