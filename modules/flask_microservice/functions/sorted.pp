# @summary A hash in the order of its keys
#
# @param hash the hash
# @return the same, sorted
#
# @api private
function flask_microservice::sorted(Hash[String, Any] $hash) >> Hash[String, Any] {
  $hash.length ? {
    Integer[0, 1] => $hash,
    default       => Hash(Array($hash).sort |$one, $other| { compare($one[0], $other[0]) }),
  }
}
