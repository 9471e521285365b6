# frozen_string_literal: true

# ruby facter_forks.rb [--fewer | --ahead]: facts that do not change from one second to the next, and the commands that Facter
# started for them; JSON. With --ahead it is the second run, and one of those kept is not there any more.
require 'json'
require 'facter'
require 'puppet'
require 'puppet/configurer'
require 'puppet/util/command_line'
require 'puppet_patches/loader'
%w[facter_ahead facter_answers facter_blocklist facter_commands facter_forgetting facter_uname].each { |name| require "/patches/#{name}" }

STEADY = %w[kernel kernelrelease kernelversion os hypervisors is_virtual virtual processors hostname disks].freeze
STARTED = []

abort unless ARGV.empty? || PuppetPatches.apply.empty?
if ARGV == ['--ahead']
  Puppet.initialize_settings
  kept = PuppetPatches::FacterAhead::FILE
  FileUtils.mkdir_p(File.dirname(kept))
  PuppetPatches::FacterAhead.ask
  Facter.to_hash
  PuppetPatches::FacterAhead.keep
  File.write(kept, JSON.generate([*JSON.parse(File.read(kept)), 'nosuchcommand', 1]))
  Facter.clear
  PuppetPatches::FacterAhead.ask
end
Facter::Core::Execution::Popen3.singleton_class.prepend(Module.new do
  def popen3e(environment, command, &)
    STARTED << command
    super
  end
end)
facts = Facter.to_hash.slice(*STEADY).transform_values(&:itself)
PuppetPatches::FacterAhead.keep
missing = PuppetPatches::FacterAhead.answer('nosuchcommand')
puts JSON.generate(facts:, started: STARTED, missing:, kept: kept ? JSON.parse(File.read(kept)) : [])
