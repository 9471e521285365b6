# @summary Somebody whose signed commits may be deployed
#
# A key holds from the day `valid_after` on, and before the day `valid_before`, both by UTC, of the time of the deploy.
#
# @see https://man.openbsd.org/ssh-keygen#ALLOWED_SIGNERS
type Profile::Signer = Struct[{
  keys                   => Array[Profile::Operator_key, 1],
  Optional[valid_after]  => Pattern[/\A\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\z/],
  Optional[valid_before] => Pattern[/\A\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\z/],
}]
