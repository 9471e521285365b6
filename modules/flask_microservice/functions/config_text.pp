# @summary A service's config file, default_config.ini
#
# A function for the reason that `flask_microservice::unit_text` gives.
#
# @param settings section => key => value, all that goes into it
# @return the text of the file
#
# @api private
function flask_microservice::config_text(
  Sensitive[Hash] $settings,
) >> Sensitive[String[1]] {
  $sections = $settings.unwrap.map |$section, $keys| {
    $lines = $keys.map |$key, $value| { "${key} = ${value}\n" }
    "\n[${section}]\n${lines.join}"
  }
  Sensitive(@("INI"))
    # Written by Puppet from Hiera (flask_microservice::services and flask_microservice::secrets): edit it there.
    ${sections.join}
    |- INI
}
