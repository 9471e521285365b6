# frozen_string_literal: true

module PuppetPatches
  # Whoever has Facter forget what it knows is to be told anew. It makes nothing faster by itself; facter_answers and
  # facter_commands need it.
  module FacterForgetting
    def clear
      forget
      super
    end

    def reset
      forget
      super
    end

    private

    def forget
      FacterAnswers.told = nil if PuppetPatches.applied?('facter_answers')
      FacterCommands::ANSWERS.clear if PuppetPatches.applied?('facter_commands')
    end
  end

  define('facter_forgetting', relies_on: %w[facter.rb]) { Facter.singleton_class.prepend(FacterForgetting) }
end
