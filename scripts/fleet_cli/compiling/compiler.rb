# frozen_string_literal: true

# Compiles catalogs as a Puppet server would, one after the other, in one process that has loaded Puppet once:
#
#   ruby compiler.rb [--placeholders] [--patched] [--lenient]
#
# It reads one JSON object a line, and answers each with one; program.py is the other side of it.
#
#   {"exports": NAME, "resources": [...]}   what collectors are to find where a later request names NAME; no answer
#   {"certname": ..., "extensions": {"pp_role": ..., "pp_environment": ...}, "environment": DIRECTORY, "facts": {...},
#    "code": Puppet code in the place of manifests/site.pp, if given, "exports": NAME, if any,
#    "classes": [...], "parameters": {...}, those that an external node classifier would declare, if any,
#    "clock": seconds since 1970, what time it is for code that asks,
#    "puppetdb": rows that queries find, {ENTITY: [...]}, or why PuppetDB does not answer; without it, there is none}
#       {"version": ..., "resources": [...], "edges": [[container, contained], ...], "exported": [...], "inputs": {...}}
#       or {"error": MESSAGE, "inputs": {...}}; the latter also for a catalog that compiles, and that no agent could apply
#       the first answer has {"left_out": [MESSAGE, ...]} besides, where patches of Puppet don't suit the one that is here
#
# --placeholders: no private key is needed, since a value that eyaml has encrypted stands as a name made from its ciphertext.
# --patched: patches of Puppet make it faster, where they suit it.
# --lenient: what Puppet 7 only warns of, such as a variable that nobody sets, is no error.

# Loading Puppet makes much that stays, and little to throw away; see collect_garbage.
GC.disable
require 'json'
require 'puppet'
require 'puppet/pops'
require 'tmpdir'
require_relative 'applicable'
require_relative 'clock'
require_relative 'environments'
require_relative 'exported'
require_relative 'inputs'
require_relative 'queried'
require_relative 'server_paths'
require_relative 'placeholders' if ARGV.include?('--placeholders')
if ARGV.include?('--patched')
  require_relative 'checked_values'
  require_relative 'parsed_templates'
end

# One request for a catalog.
class Compilation
  def initialize(certname:, environment:, facts:, clock:, extensions: {}, classes: [], parameters: {}, code: nil,
                 exports: nil, puppetdb: nil)
    @certname = certname
    @directory = environment
    @clock = Time.at(clock)
    @classes = classes
    @parameters = parameters
    @code = code
    @exports = exports
    @puppetdb = puppetdb
    @facts = facts.merge('clientcert' => certname, 'clientversion' => Puppet.version) # an agent adds these two itself
    @trusted = Puppet::Context::TrustedInformation.new('remote', certname, extensions)
  end

  def answer
    Clock.time = @clock
    Inputs.of(@directory) do
      Puppet::Resource::Exported.choose(@exports, @certname)
      Queried.choose(@puppetdb)
      environments, @environment = LoadedEnvironment.of(@directory, @code)
      context = { environments: environments, trusted_information: @trusted, rich_data: true,
                  current_environment: @environment, lookup_key_recorder: Inputs }
      Puppet.override(context) { catalog }
    end
  # Not only StandardError: code of a module may fail to load, recurse without end or eat the memory.
  rescue StandardError, ScriptError, SystemStackError, NoMemoryError => e
    LoadedEnvironment.renew(@directory, @code) if Inputs.broken?
    { 'error' => e.is_a?(Puppet::Error) ? e.message : "#{e.class}: #{e.message}", 'inputs' => Inputs.to_h }
  end

  private

  def catalog
    node = Puppet::Node.new(@certname, environment: @environment, classes: @classes, parameters: @parameters)
    node.fact_merge(Puppet::Node::Facts.new(@certname, @facts))
    node.add_server_facts('serverversion' => Puppet.version, 'servername' => 'test', 'serverip' => '127.0.0.1')
    node.trusted_data = @trusted.to_h
    compiled = Puppet::Parser::Compiler.compile(node)
    exported = compiled.resources.select(&:exported).map { |resource| resource.to_data_hash.except('file', 'line') }
    catalog = compiled.filter(&:virtual?)
    # The wire format: what an agent and PuppetDB get.
    data = catalog.to_data_hash
    Inputs.only_checking { Applicable.check(catalog, data['resources'], @environment, @facts) }
    edges = data['edges'].map { |edge| [edge['source'], edge['target']] }
    resources = data['resources'].each do |resource|
      resource.delete('tags')
      resource['file'] = resource['file'].delete_prefix("#{@directory}/") if resource['file']
    end
    { 'version' => data['version'].to_s, 'resources' => resources, 'edges' => edges, 'exported' => exported,
      'inputs' => Inputs.to_h }
  end
end

def set_up(directory)
  # What is not said, Puppet makes in the home.
  Puppet.initialize_settings(ServerPaths.options(directory))
  Puppet.settings.preferred_run_mode = :server
  Puppet[:strict] = ARGV.include?('--lenient') ? :warning : :error
  Puppet[:strict_variables] = !ARGV.include?('--lenient')
  Object.const_set(:PSON, JSON) if ARGV.include?('--lenient') && !defined?(PSON)
  Puppet[:storeconfigs] = true
  # An environment does not change: what it does not have, it will not have for the next node either.
  Puppet[:ignoremissingtypes] = true
  Puppet::Resource.indirection.terminus_class = :exported
  # Nothing but what the environment brings: a module that happens to be installed here may be missing on the server.
  Puppet[:basemodulepath] = ''
  Puppet::Util::Log.level = :warning
  Puppet::Util::Log.newdestination(:console)
end

# Between catalogs, little that is alive has to be looked through; while one is made, much.
def collect_garbage
  GC.enable
  @collections = @collections.to_i + 1
  GC.start(full_mark: (@collections % 40).zero?)
  GC.disable
end

left_out = defined?(PuppetPatches) ? PuppetPatches.apply : []
answers = $stdout.dup
# Whatever else prints, the answers stay readable.
$stdout.reopen($stderr)
Dir.mktmpdir do |directory|
  set_up(directory)
  $stdin.each_line do |line|
    request = JSON.parse(line)
    if request.key?('resources')
      Puppet::Resource::Exported.define(request['exports'], request['resources'])
    else
      answer = Compilation.new(**request.transform_keys(&:to_sym)).answer
      answer['left_out'] = left_out unless left_out.empty?
      left_out = []
      answers.puts(ServerPaths.in(JSON.generate(answer), request['environment']))
      answers.flush
      collect_garbage
    end
  end
end
