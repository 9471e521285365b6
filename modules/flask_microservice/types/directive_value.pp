# @summary The value of a directive: one line, or several such lines for a directive that may be given more than once
#
# Without control characters but the tab: some of them end a line of a unit file, or the file.
type Flask_microservice::Directive_value = Variant[
  Pattern[/\A[^\x00-\x08\x0a-\x1f\x7f]*(?<!\\)\z/],
  Integer[-9223372036854775807, 9223372036854775807],
  Array[Variant[Pattern[/\A[^\x00-\x08\x0a-\x1f\x7f]*(?<!\\)\z/], Integer[-9223372036854775807, 9223372036854775807]], 1],
]
