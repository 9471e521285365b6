# @summary What PuppetDB knows of this tier's runs, and of some services in them
#
# @param services the services
# @return `resources`: rows of the nodes that run services, of the balancers of these services, and of the nodes that each of those
#   balancers knows, with `certname`, `type` and `title`; `ran`: the certnames whose newest catalog was applied without a failure. What
#   is wrong, if PuppetDB does not answer; undef where there is none
#
# @api private
function profile::runs_of_tier(
  Array[Flask_microservice::Name] $services,
) >> Variant[Struct[{ 'resources' => Array[Hash], 'ran' => Array[String] }], String[1], Undef] {
  # An inventory has active nodes alone: none that was deactivated, or has not had a run for long.
  $tier = $trusted.dig('extensions', 'pp_environment').lest || { '' }
  $of_tier = "certname in inventory[certname] { trusted.extensions.pp_environment = \"${tier}\" }"
  $names = $services.join('|')
  $answers = profile::ask_puppetdb({
      'resources' => @("PQL"/L),
        resources[certname, type, title] { ${of_tier} and ((type = "Class" and title = "Flask_microservice") or \
        (type = "Profile::Load_balancer::Service" and title ~ "^(${names})$") or \
        (type = "Profile::Load_balancer::Member" and title ~ "^(${names}) on ")) }
        |-PQL
      'catalogs'  => "catalogs[certname, catalog_uuid] { ${of_tier} }",
      'reports'   => "reports[certname, catalog_uuid, status, noop] { latest_report? = true and ${of_tier} }",
  })
  $answers ? {
    Hash    => {
      'resources' => $answers['resources'],
      # While a run is under way, its catalog is there and its report is not.
      'ran'       => $answers['reports'].filter |$_, $report| {
        $newest = { 'certname' => $report['certname'], 'catalog_uuid' => $report['catalog_uuid'] }
        $report['status'] != 'failed' and $report['noop'] != true and $newest in $answers['catalogs']
      }.map |$_, $report| { $report['certname'] },
    },
    default => $answers,
  }
}
