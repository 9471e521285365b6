# Which role a node plays is written in its certificate (extension pp_role), signed when it enrolled: a node can't change
# it. There is nothing else to decide here.
node default {
  $role = $trusted.dig('extensions', 'pp_role')
  $enrol = "enrol it again: fleet enroll ${trusted['certname']} --role ROLE --tier TIER"

  unless $role {
    fail("The certificate of ${trusted['certname']} names no role (extension pp_role): ${enrol}")
  }
  unless $role =~ /\A[a-z][a-z0-9_]*\z/ and defined("role::${role}") {
    fail("The certificate of ${trusted['certname']} names the role '${role}', which is no class in site/role/manifests: ${enrol}")
  }
  include "role::${role}"
}
