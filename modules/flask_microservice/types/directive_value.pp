# @summary The value of a directive: one line, or several such lines for a directive that may be given more than once
type Flask_microservice::Directive_value = Variant[
  Pattern[/\A[^\r\n]*[^\r\n\\]\z/, /\A\z/],
  Integer,
  Array[Variant[Pattern[/\A[^\r\n]*[^\r\n\\]\z/, /\A\z/], Integer], 1],
]
