# frozen_string_literal: true

# ruby facter_forks.rb [--fewer]: facts that do not change from one second to the next, and the commands that Facter started for them; JSON.
require 'json'
require 'puppet'
require 'puppet/util/command_line'
require '/puppet_agent/fewer-forks'

STEADY = %w[kernel kernelrelease kernelversion os hypervisors is_virtual virtual processors hostname].freeze
STARTED = []

FewerForks.use if ARGV == ['--fewer']
Facter::Core::Execution::Popen3.singleton_class.prepend(Module.new do
  def popen3e(environment, command, &)
    STARTED << command
    super
  end
end)
facts = Facter.to_hash.slice(*STEADY).transform_values(&:itself)
puts JSON.generate(facts:, started: STARTED)
