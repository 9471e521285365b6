# frozen_string_literal: true

require 'base64'
require 'digest'
require 'hiera/backend/eyaml/parser/encrypted_tokens'

# An encrypted value is not decrypted: it stands as a name made from its ciphertext, and so changes when that does.
module Placeholders
  DIGITS = 12

  def encrypted_value(format, scheme, cipher, match, indentation = '')
    digest = Digest::SHA256.hexdigest(Base64.decode64(cipher))
    new(format, "encrypted:#{digest[0, DIGITS]}", scheme, cipher, match, indentation)
  end
end
Hiera::Backend::Eyaml::Parser::EncToken.singleton_class.prepend(Placeholders)
