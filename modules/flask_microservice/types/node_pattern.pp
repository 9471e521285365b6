# @summary One certname or several: `*` stands for any characters, brackets for numbers, as in ClusterShell
#
# Brackets hold numbers and ranges, with steps: `app[1-3]`, `app[1-3,7]`, `app[1-9/2]`. A leading zero gives all numbers of a
# range that many digits: `app[01-10]`. A name may have several brackets. The name of a group of
# `flask_microservice::groups` has the same form.
#
# @see https://clustershell.readthedocs.io/en/latest/tools/nodeset.html
#
# @example
#   'pay[1-2].example.org'
type Flask_microservice::Node_pattern = Pattern[
  /\A([a-z0-9._*-]|\[[0-9]{1,9}(-[0-9]{1,9}(\/[1-9][0-9]{0,8})?)?(,[0-9]{1,9}(-[0-9]{1,9}(\/[1-9][0-9]{0,8})?)?)*\]){1,253}\z/
]
