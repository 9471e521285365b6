# @summary The value of a secret environment variable
#
# It may have several lines, and any character but NUL. No blanks at its ends, which are seldom meant: those of
# `Flask_microservice::Value`. Linux takes 128 KiB of a variable, and a character has four bytes at most.
type Flask_microservice::Secret_text = Pattern[
  /(?x)\A
    (?![\s\x1c-\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])
    [^\0]{1,30000}
    (?<![\s\x1c-\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])
  \z/
]
