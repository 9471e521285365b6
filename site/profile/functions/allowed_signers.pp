# @summary The file by which ssh-keygen says who has signed a commit
#
# @param signers who may sign, by the name that messages have for them
# @return a line for each key
#
# @example
#   profile::allowed_signers({ 'anna' => { 'keys' => ['ssh-ed25519 AAAA… anna@laptop'], 'valid_before' => '2028-01-01' } })
#   # anna namespaces="git",valid-before="20280101Z" ssh-ed25519 AAAA…
function profile::allowed_signers(Hash[Profile::Signer_name, Profile::Signer] $signers) >> String {
  $lines = $signers.map |$name, $signer| {
    $days = ['valid_after', 'valid_before'].filter |$_, $word| { $word in $signer }.map |$_, $word| {
      "${word.regsubst('_', '-')}=\"${signer[$word].regsubst('-', '', 'G')}Z\""
    }
    $options = (['namespaces="git"'] + $days).join(',')
    # Without the comment of the key, which could be anything.
    $signer['keys'].map |$_, $key| { "${name} ${options} ${key.split(' ')[0, 2].join(' ')}\n" }
  }
  $lines.flatten.join
}
