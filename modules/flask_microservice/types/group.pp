# @summary The name of a group of nodes: lower-case words joined by single dashes or underscores
#
# It has no dot, so that it is not taken for a certname.
type Flask_microservice::Group = Pattern[/\A[a-z][a-z0-9]*([_-][a-z0-9]+)*\z/]
