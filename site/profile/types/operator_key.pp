# @summary A public key of a person, one line as ssh-keygen(1) writes it
#
# Without options before it, and without a line break, which would be another line of the file that sshd reads. DSA is refused
# by sshd itself.
#
# @see https://man.openbsd.org/sshd#AUTHORIZED_KEYS_FILE_FORMAT
type Profile::Operator_key = Pattern[
  /\A(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)) AAAA[A-Za-z0-9+\/]{60,4000}={0,2}( [^\s\x00-\x1f\x7f]{1,100}){0,9}\z/,
  /\Ask-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com AAAA[A-Za-z0-9+\/]{60,4000}={0,2}( [^\s\x00-\x1f\x7f]{1,100}){0,9}\z/
]
