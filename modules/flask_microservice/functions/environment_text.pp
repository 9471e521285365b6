# @summary The file of secret environment variables that systemd reads for a service (systemd.exec(5), EnvironmentFile=)
#
# Within double quotes systemd takes everything as it stands, line breaks too, but for these four characters, which a backslash
# makes ordinary ones.
#
# @param variables variable => value
# @return the text of the file
#
# @api private
function flask_microservice::environment_text(
  Sensitive[Hash] $variables,
) >> Sensitive[String[1]] {
  $lines = flask_microservice::sorted($variables.unwrap).map |$variable, $value| {
    "${variable}=\"${value.regsubst('(["\\\\$`])', '\\\\\1', 'G')}\"\n"
  }
  Sensitive("# Written by Puppet from Hiera (flask_microservice::secret_environment): edit it there.\n${lines.join}")
}
