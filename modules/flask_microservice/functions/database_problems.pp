# @summary What is wrong with the database of one service
#
# @param service the service's name
# @param declared its declaration
# @param server flask_microservice::database
# @param secrets flask_microservice::secrets, of all services
# @return one sentence a problem, which never holds a secret's value; none if all is well
#
# @api private
function flask_microservice::database_problems(
  Flask_microservice::Name $service,
  Hash $declared,
  Optional[Flask_microservice::Database_server] $server,
  Sensitive[Hash] $secrets,
) >> Array[String[1]] {
  if $declared['database'] =~ Undef {
    []
  } else {
    $what = "service ${service} wants a database"
    $homeless = $server ? {
      undef   => ["${what}, and no server is declared: say in flask_microservice::database where it is"],
      default => [],
    }
    $locked_out = $secrets.unwrap.dig($service, 'database', 'password') ? {
      String[1] => [],
      default   => [
        "${what} without a password: add it, encrypted, to flask_microservice::secrets (${service}: {database: {password: ...}})",
      ],
    }
    $twice = $declared.dig('config', 'database', 'url') ? {
      undef   => [],
      default => ["${what} and has its url in 'config' too: drop one of them in flask_microservice::services (${service})"],
    }
    $homeless + $locked_out + $twice
  }
}
