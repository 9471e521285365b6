# @summary Groups of nodes, for `nodes` in declarations: name => certnames, which may be patterns
#
# Groups may overlap. An empty one is for a tier that has no such nodes.
#
# @example
#   { 'payments' => ['pay[1-2].example.org'], 'all' => ['*'] }
type Flask_microservice::Groups = Hash[Flask_microservice::Group, Array[Flask_microservice::Node_pattern]]
