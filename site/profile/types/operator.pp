# @summary A person who works on the fleet's machines, or one who no longer does
#
# With `ensure: absent` the account is removed, with its home. What a lower layer of Hiera says of the person may stay there.
type Profile::Operator = Variant[
  Struct[{
    Optional[ensure] => Enum['present'],
    keys             => Array[Profile::Operator_key, 1],
    rights           => Array[Profile::Operator_right, 1],
  }],
  Struct[{
    ensure           => Enum['absent'],
    Optional[keys]   => Array[Profile::Operator_key],
    Optional[rights] => Array[Profile::Operator_right],
  }]
]
