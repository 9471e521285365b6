# frozen_string_literal: true

module PuppetPatches
  # Formats in which the server could be talked to, if there were libraries for them, are not looked for in each exchange.
  module MessageFormats
    NAMES = %i[msgpack pson].freeze
  end

  define 'message_formats', relies_on: %w[puppet/util/feature.rb puppet/network/formats.rb] do
    missing = MessageFormats::NAMES.reject { |format| Puppet.features.public_send("#{format}?") }
    missing.each { |format| Puppet.features.add(format) { false } }
  end
end
