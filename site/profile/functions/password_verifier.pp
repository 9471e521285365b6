# @summary What PostgreSQL verifies the password of a service's login with
#
# The password itself does not leave the Puppet server for the database's machine: psql is told what to set in its
# arguments, which every account there can list, and the agent keeps its catalog in a file.
#
# @param service the service's name
# @param secrets flask_microservice::secrets, of all services
# @return the verifier; always the same for the same password, service and machine
#
# @see https://www.postgresql.org/docs/17/catalog-pg-authid.html
function profile::password_verifier(
  Flask_microservice::Name $service,
  Sensitive[Hash] $secrets,
) >> Sensitive[String[1]] {
  $password = $secrets.unwrap.dig($service, 'database', 'password')
  unless $password =~ String[1] {
    $place = "flask_microservice::secrets (${service}: {database: {password: ...}})"
    fail("service ${service} wants a database without a password: add it, encrypted, to ${place}")
  }
  $salt = "${trusted['certname']} ${service}"
  postgresql::postgresql_password($service, Sensitive($password), true, 'scram-sha-256', $salt)
}
