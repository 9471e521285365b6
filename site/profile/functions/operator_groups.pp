# @summary The groups of a person with some rights: `read` is part of each right
#
# @param rights the rights
# @return the names of the groups
#
# @api private
function profile::operator_groups(
  Array[Profile::Operator_right] $rights,
) >> Array[String[1]] {
  (['read'] + $rights).unique.map |$right| { "fleet-${right}" }
}
