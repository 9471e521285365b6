# frozen_string_literal: true

module PuppetPatches
  # Puppet twice makes a parser of options with each of its settings in it: here with those alone that may be meant by what
  # was given, whole or abbreviated. It takes `-` for `_`, and large letters for small ones.
  module GivenOptions
    attr_writer :arguments

    def optparse_addargs(*)
      return super if @arguments.nil? || @arguments.grep(/\A-\w\w/).any? # several short ones in one

      given = @arguments.grep(/\A-/).map { |argument| plain(argument[/\A[^=]+/]).sub('--no-', '--') }
      super.select do |option|
        option[...-2].any? { |name| given.any? { |start| plain(name.sub('[no-]', '')).start_with?(start) } }
      end
    end

    private

    def plain(option)
      option.downcase.tr('_', '-')
    end
  end

  define 'given_options', relies_on: %w[puppet/settings.rb puppet/application.rb] do
    Puppet::Settings.prepend(GivenOptions)
  end
end
