# frozen_string_literal: true

# ruby puppetdb_in_background.rb CASE: what a server hands PuppetDB, and when; JSON.
require 'json'
require 'puppet'
$LOAD_PATH.unshift('/ruby')

# Puppet Server's client of HTTP, as far as commands need it. What is posted by another thread than the caller's waits for the gate.
class Puppet::Server; end
class Puppet::Server::HttpClient
  Answer = Struct.new(:body) do
    def success? = true
    def code = 200
    def [](_name) = nil
  end

  class << self
    attr_reader :posted, :gate

    def terminate
      posted << 'terminated'
    end
  end
  @posted = []
  @gate = Queue.new

  def post(url, *, **)
    own = self.class
    name = url.query[/command=(\w+)/, 1]
    caller = Thread.current == Thread.main
    own.gate.pop unless caller
    raise Puppet::HTTP::ConnectionError, 'PuppetDB is down' if name == 'refused'
    raise ScriptError if name == 'breaks' # which is no StandardError

    own.posted << (caller ? "#{name} by the caller" : name)
    Answer.new('{"uuid": "1"}')
  end
end

Client = Puppet::Server::HttpClient
Puppet.initialize_settings([], true, true, http: Client.new)
File.write(Puppet[:confdir] + '/puppetdb.conf', "[main]\nserver_urls = https://puppetdb.test:8081\nsoft_write_failure = true\n")
LOGGED = []
Puppet::Util::Log.newdestination(Puppet::Test::LogCollector.new(LOGGED))
require 'puppet/indirector/facts/puppetdb_in_background'

def submit(*names)
  names.each { |name| Puppet::Util::Puppetdb::Command.new(name, 1, 'node.test', Time.now.utc, {}).submit }
end

def open_gate(times)
  times.times { Client.gate << true }
end

# All that is posted before the server's client is ended.
def ended
  Client.terminate
  Client.posted
end

submit('first')
case ARGV.first
when 'order'
  submit('facts', 'catalog', 'report')
  before = Client.posted.dup
  open_gate(3)
  puts JSON.generate(before: before, after: ended)
when 'full'
  submit(*(1..60).map { |number| "command_#{number}" })
  before = Client.posted.dup
  open_gate(60)
  puts JSON.generate(before: before, after: ended)
when 'down'
  submit('refused', 'report')
  open_gate(2)
  puts JSON.generate(after: ended)
when 'breaks'
  submit('breaks', 'report')
  open_gate(2)
  puts JSON.generate(after: ended)
when 'hangs'
  PuppetPatches::PuppetdbCommands.send(:remove_const, :PATIENCE)
  PuppetPatches::PuppetdbCommands::PATIENCE = 0.1
  submit('facts', 'catalog')
  thread = PuppetPatches::PuppetdbCommands.instance_variable_get(:@thread)
  puts JSON.generate(after: ended, logged: LOGGED.map(&:message), alive: thread.join(5).nil?)
when 'untested'
  submit('report')
  puts JSON.generate(before: Client.posted, logged: LOGGED.map(&:message).grep(/patch/))
when 'stopping'
  Client.terminate
  submit('report')
  puts JSON.generate(after: Client.posted)
end
