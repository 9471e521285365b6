# frozen_string_literal: true

# Waits on the socket that systemd gives it, with Puppet loaded; each run of the agent is a fork of it. Nothing but code
# of the Debian packages is loaded ahead: settings, certificates, plugins and facts are read by each run, as ever.
# When something that it has loaded changes on disk it ends, and systemd starts it anew for the caller who waits.
# Puppet is patched as far as it is the one that the patches were made for (loader.rb); the journal says where it is not, once.
# Where it can't be loaded ahead for that, each run starts from nothing.
require 'socket'

BEGAN = Time.now
LISTENER = 3 # the first socket that systemd passes

require_relative 'loader'
require_relative 'patches' # those that are switched on

# The patch that a run needs which is a fork.
FORKED = 'plugin_providers'

# What each run loads once it is needed: how it talks to the server, and how Facter is asked.
LATE = %w[
  puppet/indirector/catalog/json puppet/indirector/catalog/rest puppet/indirector/facts/facter
  puppet/indirector/file_content/rest puppet/indirector/file_metadata/file puppet/indirector/file_metadata/rest
  puppet/indirector/report/json puppet/indirector/report/rest puppet/indirector/report/yaml
  puppet/parser/e4_parser_adapter facter/framework/cli/cli_launcher facter/framework/cli/cli thor/shell/color
  multi_json/adapters/json_gem digest/sha2
].freeze

# The resource types that Puppet brings, with their providers: what a run spends most of its start on.
def load_code
  %w[puppet puppet/util/command_line puppet/application/agent].each { |file| require file }
  LATE.each { |file| require file }
  directory = File.dirname(Object.const_source_location('Puppet::Type').first)
  Dir.glob(File.join(directory, 'type', '*.rb')).each { |file| require "puppet/type/#{File.basename(file, '.rb')}" }
end

# Load what runs begin with, and patch it; return whether runs can be forks of this process.
def prepare
  if (reason = PuppetPatches.reason(FORKED))
    say("each run starts from nothing, as none can be a fork without the patch #{FORKED} of Puppet: #{reason}")
    return false
  end

  load_code
  PuppetPatches.apply.each { |message| say(message) }
  true
end

# In the journal, as a warning.
def say(message)
  $stderr.puts("<4>#{message}")
end

# The Ruby code and the libraries (OpenSSL, the C library) that this process holds, and what its patches depend on.
def loaded_files
  mapped = File.readlines('/proc/self/maps', chomp: true).filter_map { |line| line[%r{ (/\S+)}, 1] }
  [__FILE__, *$LOADED_FEATURES, *mapped, *PuppetPatches.files].uniq
end

# When they changed last; not their mtime, which dpkg takes from the package.
def changes(files)
  files.map do |file|
    File.stat(file).ctime
  rescue SystemCallError
    nil # part of the interpreter, or removed
  end
end

# Most runs end before it pays to collect garbage: not for the first million objects, which are about 80 MB, or for what
# takes 64 MB besides.
def collect_garbage_later
  GC.disable
  limit = GC.stat(:total_allocated_objects) + 1_000_000
  Thread.new do
    sleep 0.05 until GC.stat(:total_allocated_objects) > limit || GC.stat(:malloc_increase_bytes) > 64_000_000
    GC.enable
  end
end

# The agent as a caller asked for it: on the caller's own streams.
def run_agent(connection, from_nothing)
  begin
    streams = Array.new(3) { connection.recv_io }
    arguments = ['agent', *connection.read.split("\0")]
  rescue SystemCallError, IOError, SocketError
    exit! # the caller has gone before it said what it wants
  end
  connection.close
  [$stdin, $stdout, $stderr].zip(streams) { |stream, callers| stream.reopen(callers) }
  streams.each(&:close)
  exec('/usr/bin/puppet', *arguments) if from_nothing
  $PROGRAM_NAME = 'puppet agent'
  Puppet.settings.arguments = arguments if PuppetPatches.applied?('given_options')
  srand # else each run draws the same numbers
  collect_garbage_later
  PuppetPatches::EndedAtOnce.use if PuppetPatches.applied?('ended_at_once')
  Puppet::Util::CommandLine.new('puppet', arguments).execute
end

# Tell the caller the agent's process, and its exit status once it has ended.
def attend(connection, agent)
  connection.puts(agent)
  _, status = Process.wait2(agent)
  connection.puts(status.exitstatus || (128 + status.termsig))
rescue SystemCallError
  nil # the caller is gone; the run has ended as it would have
ensure
  connection.close
end

%w[LISTEN_PID LISTEN_FDS LISTEN_FDNAMES].each { |name| ENV.delete(name) }
listener = UNIXServer.for_fd(LISTENER)
listener.close_on_exec = true
forks = prepare
files = loaded_files
at_start = changes(files)
# A package was being upgraded while this was loaded: what is loaded may be half old, half new.
exit if at_start.compact.any? { |time| time.between?(BEGAN, Time.now) }
Process.warmup

attended = {} # the callers, by the thread that attends to each
loop do
  listener.wait_readable
  attended.select! { |thread, _| thread.alive? }
  stale = changes(files) != at_start
  # Not while another caller waits for a status from this process: then the one run starts from nothing.
  exit if stale && attended.empty?
  connection = listener.accept
  agent = fork do
    # Else a caller would not notice that this process has ended before all other runs have.
    [listener, *attended.values].each(&:close)
    run_agent(connection, stale || !forks)
  end
  attended[Thread.new { attend(connection, agent) }] = connection
end
