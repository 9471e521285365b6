# frozen_string_literal: true

# ruby loaded_ahead.rb NAME [ARGUMENT]...: what the preloaded agent makes of its options, its state and the catalog that it gets; JSON.
require 'json'
require 'puppet'
require 'puppet/application/agent'
require 'puppet/configurer'
require '/puppet_agent/fewer-forks'
require '/puppet_agent/loaded-ahead'

Puppet.initialize_settings
LoadedAhead.use

# The settings for which a parser of options is made.
def options(*arguments)
  Puppet.settings.arguments = arguments
  Puppet.settings.optparse_addargs([]).map(&:first)
end

# How often a file was read and written: the state by two loads, with what is not to stay between them, a change and two more;
# what resources were like, by two equal runs and another.
def files
  calls = Hash.new(0)
  Puppet::Util::Yaml.singleton_class.prepend(Module.new do
    define_method(:safe_load_file) { |file, *rest| (calls["read #{File.basename(file)}"] += 1) && super(file, *rest) }
    define_method(:dump) { |data, file| (calls["written #{File.basename(file)}"] += 1) && super(data, file) }
  end)
  FileUtils.mkdir_p(Puppet[:statedir])
  Puppet::Util::Storage.store
  Puppet::Util::Storage.load
  Puppet::Util::Storage.cache(:plugin)[:checked] = Time.now
  Puppet::Util::Storage.load
  Puppet::Util::Storage.cache(:resource)[:checked] = Time.now
  Puppet::Util::Storage.store
  2.times { Puppet::Util::Storage.load }
  %w[old old new].each do |value|
    persistence = Puppet::Transaction::Persistence.new
    persistence.load
    persistence.set_system_value('File[/a]', 'content', [value])
    persistence.save
  end
  calls.merge(kept: Puppet::Util::Storage.state.keys)
end

# What is kept of a catalog that a server has sent, by the steps of Puppet::Configurer#run_internal.
def catalog(cache_class)
  model = Puppet::Resource::Catalog
  sent = model.new('node.test', Puppet::Node::Environment.remote(:production))
  deferred = Puppet::Pops::Types::TypeFactory.deferred.create('join', [%w[a b], '-'])
  secret = Puppet::Pops::Types::PSensitiveType::Sensitive.new('secret')
  sent.add_resource(Puppet::Resource.new(:file, '/deferred', parameters: { content: deferred }))
  sent.add_resource(Puppet::Resource.new(:file, '/secret', parameters: { content: secret }))
  format = Puppet::Network::FormatHandler.format(:rich_data_json)
  text = Puppet.override(current_environment: sent.environment_instance) { format.render(sent) }

  model.indirection.cache_class = cache_class.to_sym
  received = format.intern(model, text)
  copy = Puppet.override(rich_data: true) { model.from_data_hash(received.to_data_hash) }
  received.resource('File[/deferred]')[:content] = 'a-b' # as Puppet resolves it
  return { copy: copy.class.name } if cache_class != 'json'

  cache = model.indirection.cache
  cache.save(model.indirection.request(:save, nil, copy, environment: received.environment_instance))
  kept = cache.find(model.indirection.request(:find, 'node.test', nil, environment: received.environment_instance))
  {
    same_text: File.read(File.join(Puppet[:client_datadir], 'catalog', 'node.test.json')) == text,
    environment: copy.environment,
    deferred: kept.resource('File[/deferred]')[:content].name,
    secret: kept.resource('File[/secret]')[:content].unwrap,
    later: received.to_data_hash['resources'].find { |resource| resource['title'] == '/deferred' }['parameters']['content'],
  }
end

# What was asked for ahead, for the units and packages of a catalog; nil where that does not answer.
def ahead(kept)
  file = File.join(Puppet[:client_datadir], 'catalog', "#{Puppet[:node_name_value]}.json")
  FileUtils.mkdir_p(File.dirname(file))
  resources = [['Service', 'a'], ['Service', 'b'], ['Service', 'c*'], ['Package', 'dpkg'], ['Package', 'nosuchpackage']]
  File.write(file, JSON.generate(resources: resources.map { |type, title| { type: type, title: title } })) if kept == 'kept'
  File.write(file, '{') if kept == 'broken'
  FewerForks::Services.define_singleton_method(:ask) { |units| [units.to_h { |unit| [unit, 'active'] }, {}] }
  FewerForks::Ahead.begin
  {
    known: FewerForks::Ahead.services(%w[b a])&.first,
    more: FewerForks::Ahead.services(%w[a b c])&.first,
    packages: FewerForks::Ahead.packages(%w[dpkg])&.lines&.grep(/dpkg/)&.length,
    other: FewerForks::Ahead.packages(%w[dpkg tar]),
  }
end

puts JSON.generate(send(ARGV.first, *ARGV.drop(1)))
