# frozen_string_literal: true

# ruby facter_forks.rb [--fewer | --ahead]: facts that do not change from one second to the next, and the commands that Facter
# started for them; JSON. With --ahead it is the second run, and one of those kept is not there any more.
require 'json'
require 'puppet'
require 'puppet/util/command_line'
require '/puppet_agent/fewer-forks'

STEADY = %w[kernel kernelrelease kernelversion os hypervisors is_virtual virtual processors hostname disks].freeze
STARTED = []

FewerForks.use unless ARGV.empty?
if ARGV == ['--ahead']
  Puppet.initialize_settings
  kept = AskedAhead::Commands::FILE
  FileUtils.mkdir_p(File.dirname(kept))
  AskedAhead::Commands.ask
  Facter.to_hash
  AskedAhead::Commands.keep
  File.write(kept, JSON.generate([*JSON.parse(File.read(kept)), 'nosuchcommand', 1]))
  Facter.clear
  AskedAhead::Commands.ask
end
Facter::Core::Execution::Popen3.singleton_class.prepend(Module.new do
  def popen3e(environment, command, &)
    STARTED << command
    super
  end
end)
facts = Facter.to_hash.slice(*STEADY).transform_values(&:itself)
AskedAhead::Commands.keep
missing = AskedAhead::Commands.answer('nosuchcommand')
puts JSON.generate(facts:, started: STARTED, missing:, kept: kept ? JSON.parse(File.read(kept)) : [])
