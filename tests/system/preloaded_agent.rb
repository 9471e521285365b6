# frozen_string_literal: true

# ruby preloaded_agent.rb: does for the preloaded agent what systemd does on a node, while the shell commands from standard
# input run: holds its socket, and starts it whenever a caller waits. /started has a line for each start.
require 'socket'

File.write('/proc/self/comm', 'systemd') # by which Puppet knows it
listener = UNIXServer.new('/run/puppet-run.socket')
File.write('/started', '')

systemd = fork do
  loop do
    listener.wait_readable
    agent = spawn('ruby', '/puppet_agent/preloaded-agent.rb', 3 => listener)
    File.write('/started', "#{agent}\n", mode: 'a')
    Process.wait(agent)
  end
end

system('sh', '-c', $stdin.read)
Process.kill(:TERM, systemd, *File.readlines('/started').last(1).map(&:to_i))
