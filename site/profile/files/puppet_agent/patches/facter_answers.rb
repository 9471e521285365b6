# frozen_string_literal: true

module PuppetPatches
  # What the server was told is what providers are told that ask for a fact; Facter would look for it anew.
  module FacterAnswers
    class << self
      attr_accessor :told
    end

    def resolve(*)
      super.tap { |facts| FacterAnswers.told = facts.to_h.dup }
    end

    def value(name)
      told = FacterAnswers.told && (FacterAnswers.told[name.to_s] || FacterAnswers.told.dig(*name.to_s.split('.')))
      told.nil? ? super : told
    rescue TypeError # a part of the name is not a structure
      super
    end
  end

  define 'facter_answers', relies_on: %w[puppet/facter_impl.rb], needs: %w[facter_forgetting] do
    Puppet::FacterImpl.prepend(FacterAnswers)
  end
end
