# @summary Whom a service may connect to: an address or a network, or an address with the one port that it may connect to there
#
# @example
#   '192.0.2.0/24'
#   '192.0.2.41:5432'
#   '[2001:db8::41]:5432'
type Flask_microservice::Peer = Variant[
  Stdlib::IP::Address,
  Pattern[
    /(?x)\A
      ( ((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3} (25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])
      | \[ (?=[^\]]*:[^\]]*:) (?![^\]]*::[^\]]*::) [0-9a-fA-F]{0,4} (:[0-9a-fA-F]{0,4}){2,7} \] )
      :([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])
    \z/
  ],
]
