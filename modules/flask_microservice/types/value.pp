# @summary The value of one key of a service's config file
#
# One line without blanks at its ends: configparser would strip them, and read what follows a line break as another key.
# Blanks are those of Python's `str.strip()`, no-break spaces and some control characters among them. A number is one of 64
# bits at most, which every program can hold; a longer one is text, in quotes.
type Flask_microservice::Value = Variant[
  Pattern[/(?x)\A
    (?![\s\x1c-\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])
    [^\r\n\0]*
    (?<![\s\x1c-\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])
  \z/],
  Integer[-9223372036854775807, 9223372036854775807],
  Float[-9.2e18, 9.2e18],
  Boolean,
]
