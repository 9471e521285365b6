# frozen_string_literal: true

# ruby loaded_ahead.rb: what the preloaded agent makes of what it is given, has kept, or gets of the server. Each line of the
# standard input is a JSON list of a name and arguments; the answer is a line of JSON. Each is answered by a process of its own,
# on a machine where no run has been.
require 'json'
require 'puppet'
require 'puppet/application/agent'
require 'puppet/configurer'
require 'puppet_patches/loader'
Dir['/patches/*.rb'].sort.each { |file| require file }

Puppet.initialize_settings
abort unless PuppetPatches.apply.empty?

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
  resources.map! { |type, title| { type: type, title: title } }
  File.write(file, JSON.generate(resources: resources)) if kept == 'kept'
  File.write(file, '{') if kept == 'broken'
  PuppetPatches::SystemdServices.define_singleton_method(:ask) { |units| [units.to_h { |unit| [unit, 'active'] }, {}] }
  own = Class.new(Puppet::Type.type(:package).provider(:apt)) { define_singleton_method(:observe) { |names| "asked for #{names}" } }
  own.singleton_class.prepend(PuppetPatches::OwnPackages)
  PuppetPatches::CatalogAhead.ask
  {
    known: PuppetPatches::CatalogAhead.services(%w[b a])&.first,
    more: PuppetPatches::CatalogAhead.services(%w[a b c])&.first,
    packages: PuppetPatches::CatalogAhead.packages(%w[dpkg])&.lines&.grep(/dpkg/)&.length,
    other: PuppetPatches::CatalogAhead.packages(%w[dpkg tar]),
    own: own.observe(%w[dpkg]).then { |known| known.is_a?(Hash) ? known.keys : known },
    more_own: own.observe(%w[dpkg tar]),
    own_after: (PuppetPatches::ResourceHarness.changing = true) && own.observe(%w[dpkg]),
    types: PuppetPatches::CatalogAhead.types,
  }
end

# Files that are fetched from a source, after a command has changed something: which ones were written, what is there then, what
# went wrong, and how many catalogs Puppet made for it.
def plugins(how, permissions, change)
  PuppetPatches::PluginsInPlace.remove_method(:evaluate) if how == 'plain'
  FileUtils.mkdir_p(['/source/puppet/type', '/source/empty'])
  File.write('/source/puppet/type/one.rb', 'one', perm: 0o644)
  File.write('/source/two.rb', 'two', perm: 0o755)
  environment = Puppet.lookup(:root_environment)
  fetch = lambda do
    Puppet::Configurer::Downloader.new('plugin', '/plugins', '/source', '.git', environment, permissions.to_sym).evaluate
  end
  fetch.call
  system(change, exception: true)
  catalogs = 0
  Puppet::Transaction.prepend(Module.new { define_method(:evaluate) { |*given, &block| (catalogs += 1) && super(*given, &block) } })
  written = begin
    fetch.call.sort
  rescue Puppet::Error => e
    e.message
  end
  there = Dir.glob('**/*', File::FNM_DOTMATCH, base: '/plugins').sort.to_h do |file|
    stat = File.lstat("/plugins/#{file}")
    [file, [stat.ftype, stat.uid, stat.mode, (File.read("/plugins/#{file}") if stat.file?)]]
  end
  { written: written, there: there, catalogs: catalogs }
end

# A file server that says what it was asked, and answers with a file of that environment.
def file_server(asked, able)
  Struct.new(:url) do
    define_method(:get_file_metadatas) do |**question|
      asked << question[:recurse]
      response = Struct.new(:code, :reason, :body, :url).new(500, 'Server Error', '', nil)
      raise Puppet::HTTP::ResponseError, response if able == 'unable' && question[:recurse] == true

      [:response, [metadata_of(question)]]
    end
    define_method(:get_file_metadata) do |**question|
      asked << question[:path]
      [:response, metadata_of(question)]
    end
    define_method(:metadata_of) do |question|
      told = { 'relative_path' => question[:environment].to_s, 'type' => 'file', 'checksum' => { 'type' => 'md5', 'value' => '{md5}f' } }
      Puppet::FileServing::Metadata.from_data_hash({ 'path' => '/', **told })
    end
    prepend PuppetPatches::PluginListing, PuppetPatches::FilesOfCommit::Asked
  end
end

# What services are asked for, where Puppet asks one for a directory in one environment, and then another one, or the same, for
# all that is in it in another, or the same; the server may be unable to list all.
def questions(first, second, host, able)
  service = file_server(asked = [], able)
  all = PuppetPatches::PluginsInPlace.question(Puppet[:pluginsignore], :ignore)
  service.new('primary').get_file_metadatas(path: '/plugins', environment: first, recurse: :false)
  _, answer = service.new(host).get_file_metadatas(path: '/plugins', environment: second, **all)
  { asked: asked, answer: answer.first.relative_path }
rescue Puppet::HTTP::ResponseError => e
  { asked: asked, answer: e.message }
end

# What two runs ask for, one after the other, of files below a mount: in environments of which the server has given the second.
# Between them something is done to what is kept.
def runs(mount, first, second, given, between)
  file = PuppetPatches::FilesOfCommit::FILE
  FileUtils.mkdir_p(File.dirname(file))
  [first, second].map do |environment|
    service = file_server(asked = [], 'able').new('primary')
    PuppetPatches::FilesOfCommit.instance_variables.each { |name| PuppetPatches::FilesOfCommit.remove_instance_variable(name) }
    PuppetPatches::FilesOfCommit.given = environment if given == 'given'
    all = PuppetPatches::PluginsInPlace.question(Puppet[:pluginsignore], :ignore)
    answers = [
      service.get_file_metadatas(path: "/#{mount}", environment: environment, **all).last.first,
      service.get_file_metadata(path: "/#{mount}/one", environment: environment.to_sym).last,
    ]
    PuppetPatches::FilesOfCommit.write
    mode = File.stat(file).mode.to_s(8) if File.exist?(file)
    File.write(file, between) if mode && !between.empty?
    { asked: asked.length, answers: answers.map { |told| [told.relative_path, told.checksum] }.uniq, mode: mode }
  end
end

# Whether the copy of a report is there before a server has taken the report, and after it has not; and what was logged.
def report(server)
  indirection = Puppet::Transaction::Report.indirection
  indirection.terminus_class = :rest
  indirection.cache_class = :json
  early = nil
  indirection.terminus.define_singleton_method(:save) do |_request|
    200.times { (early = File.exist?(Puppet[:lastrunreport])) ? break : sleep(0.05) }
    raise 'the server is down' if server == 'down'
  end
  logged = []
  Puppet.define_singleton_method(:log_exception) { |error, *| logged << error.message }
  FileUtils.mkdir_p([Puppet[:statedir], Puppet[:publicdir]])
  configurer = Puppet::Configurer.new
  configurer.instance_variable_set(:@environment, 'production')
  configurer.send_report(Puppet::Transaction::Report.new)
  { early: early, kept: JSON.parse(File.read(Puppet[:lastrunreport])).key?('report_format'), logged: logged }
end

# In which environment a run begins, where the last one ended in `last` and the server now says `given` (nothing: it can't be
# asked); and what is said of it.
def environment(last, given = nil)
  FileUtils.mkdir_p(Puppet[:publicdir])
  application = { 'run_mode' => 'agent', 'initial_environment' => 'production', 'converged_environment' => last }
  File.write(Puppet[:lastrunfile], YAML.dump('application' => application))
  asked = nil
  Puppet::Node.indirection.define_singleton_method(:find) do |_name, **options|
    asked = options[:environment].name.to_s
    raise 'the server is down' unless given

    Puppet::Node.new('node.test').tap { |node| node.environment_name = given }
  end
  said = []
  %i[notice warning].each { |level| Puppet.define_singleton_method(level) { |text| said << text.to_s } }
  configurer = Puppet::Configurer.new
  configurer.instance_variable_set(:@options, { report: Puppet::Transaction::Report.new })
  begun, = configurer.send(:last_server_specified_environment)
  { begun: begun, asked: asked, said: said }
end

# What comes of plugins that can't be fetched, in a run that begins in `given` after one that ended in `last`.
def unfetched(last, given)
  Puppet[:usecacheonfailure] = true
  handler = Puppet::Configurer::PluginHandler
  handler.prepend(Module.new { define_method(:download_plugins) { |*| raise Puppet::Error, 'the server has gone' } })
  configurer = Puppet::Configurer.new
  configurer.instance_variable_set(:@last_environment, last)
  configurer.instance_variable_set(:@environment, given)
  configurer.send(:download_plugins, nil)
  'the catalog that is kept'
rescue Puppet::Error => e
  e.message
end

# Which types there are after those of the last catalog were looked for among the plugins.
def types(*names)
  directory = File.join(Puppet[:plugindest], 'puppet', 'type')
  FileUtils.mkdir_p(directory)
  File.write(File.join(directory, 'known.rb'), 'Puppet::Type.newtype(:known) { newparam(:name) }')
  File.write(File.join(directory, 'unused.rb'), 'Puppet::Type.newtype(:unused) { newparam(:name) }')
  File.write(File.join(directory, 'broken.rb'), 'raise "no such luck"')
  $LOAD_PATH.unshift(Puppet[:plugindest])
  PuppetPatches::CatalogAhead.define_singleton_method(:types) { names }
  File.write(File.join(directory, 'half.rb'), 'Puppet::Type.newtype(:half) { newparam(:name) }')
  FileUtils.mkdir_p(File.join(Puppet[:plugindest], 'puppet', 'provider', 'half'))
  File.write(File.join(Puppet[:plugindest], 'puppet', 'provider', 'half', 'ruby.rb'), 'def')
  PuppetPatches::TypesAhead.ask
  PuppetPatches::TypesAhead.wait
  loaded = []
  Puppet::Type.eachtype { |type| loaded << type.name }
  catalog = Puppet::Resource::Catalog.new('node.test', Puppet.lookup(:root_environment))
  errors = %w[known half].map do |type|
    catalog.add_resource(Puppet::Resource.new(type, 'title'))
    PuppetPatches::TypesAhead.miss(catalog)
  rescue Puppet::Error => e
    e.message[/autoload \S+/]
  end
  { loaded: (loaded & %i[known unused broken]).sort, error: errors.grep(String) }
end

# What comes of Facter's commands where one of them does not end: the answer to another, what is kept, and what goes on.
def hanging
  commands = PuppetPatches::FacterAhead
  FileUtils.mkdir_p(File.dirname(commands::FILE))
  File.write(commands::FILE, JSON.generate(['echo told', 'sleep 97']))
  commands.ask
  answer = commands.answer('echo told')
  commands.keep
  { answer: answer, kept: File.exist?(commands::FILE), running: `pgrep -f 'slee[p] 97'` }
end

OF_RUNS = [*%w[/plugins /source /kept /var/lib/puppet-run], *%i[vardir publicdir rundir].map { |name| Puppet[name] }].freeze

$stdin.each_line do |line|
  FileUtils.rm_rf(OF_RUNS)
  here, there = IO.pipe
  fork do
    here.close
    $stdout.reopen($stderr)
    there.puts JSON.generate(send(*JSON.parse(line)))
  end
  there.close
  $stdout.puts here.gets || 'null'
  $stdout.flush
  Process.wait
end
