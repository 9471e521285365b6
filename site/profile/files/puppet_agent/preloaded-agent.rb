# frozen_string_literal: true

# Waits on the socket that systemd gives it, with Puppet loaded; each run of the agent is a fork of it. Nothing but code
# of the Debian packages is loaded ahead: settings, certificates, plugins and facts are read by each run, as ever.
# What it has loaded and what has changed on disk since, it loads anew before the next run.
require 'socket'
require 'puppet'
require 'puppet/util/command_line'
require 'puppet/application/agent'
require 'facter'

LISTENER = 3 # the first socket that systemd passes

# The resource types that Puppet brings, with their providers: what a run spends most of its start on.
def load_types
  directory = File.dirname(Object.const_source_location('Puppet::Type').first)
  Dir.glob(File.join(directory, 'type', '*.rb')).each { |file| require "puppet/type/#{File.basename(file, '.rb')}" }
end

# What the loaded files are on disk now.
def loaded_files
  [RbConfig.ruby, __FILE__, *$LOADED_FEATURES].map do |file|
    File.mtime(file)
  rescue SystemCallError
    nil # part of the interpreter, or removed
  end
end

# The agent as a caller asked for it: on the caller's own streams.
def run_agent(connection, stale)
  streams = Array.new(3) { connection.recv_io }
  arguments = ['agent', '--test', *connection.read.split("\0")]
  connection.close
  [$stdin, $stdout, $stderr].zip(streams) { |stream, callers| stream.reopen(callers) }
  exec('/usr/bin/puppet', *arguments) if stale
  $PROGRAM_NAME = 'puppet agent'
  srand # else each run draws the same numbers
  Puppet::Util::CommandLine.new('puppet', arguments).execute
end

# Tell the caller its process, and its exit status once it has ended.
def attend(connection, agent)
  connection.puts(agent)
  _, status = Process.wait2(agent)
  connection.puts(status.exitstatus || (128 + status.termsig))
rescue SystemCallError
  nil # the caller is gone; the run has ended as it would have
ensure
  connection.close
end

load_types
listener = UNIXServer.for_fd(LISTENER)
listener.close_on_exec = true
at_start = loaded_files
attendants = ThreadGroup.new
Process.warmup

loop do
  listener.wait_readable
  stale = loaded_files != at_start
  # The caller waits in the listener's queue meanwhile. Not while another one waits for a status from this process.
  exec(RbConfig.ruby, __FILE__, LISTENER => LISTENER) if stale && attendants.list.empty?
  connection = listener.accept
  agent = fork { run_agent(connection, stale) }
  attendants.add(Thread.new(connection, agent) { |*arguments| attend(*arguments) })
end
