# frozen_string_literal: true

# Reads environments as Puppet Server will: everything that its autoloaders can load, hiera.yaml, every data file, the version
# of the configuration. A line of JSON on standard input for each environment, and one on standard output in answer:
#
#   {"directory": PATH, "served_in": DIRECTORY, "commit": SHA, "known": {VERSION: [DIGEST, …]}}
#   {"problems": [TEXT, …], "types": {FILE: TEXT, …}, "version": VERSION, "digests": [DIGEST, …]}
#
# `served_in` is where the environment will be; `known` has the digests of files that were in order. Nothing of the environment
# is run but its custom types, whose metadata is generated, and its config_version. Arguments: a directory of its own, and Puppet's confdir and codedir, as the server has them.
require 'digest'
require 'json'
require 'pathname'
require 'tmpdir'
require 'puppet'
require 'puppet/pops'
require 'puppet/generate/type'
require 'puppet/settings/environment_conf'

# The answers have standard output to themselves.
ANSWERS = $stdout.dup
$stdout.reopen($stderr)

# A file that was read, by the kind of what is in it.
class Source
  attr_reader :path

  def initialize(root, path, kind)
    @root = root
    @path = path
    @kind = kind
  end

  # Puppet's code has to be where its name says.
  def digest
    @digest ||= Digest::SHA256.hexdigest([@kind, name, text].join("\0"))
  end

  def name
    @path.delete_prefix("#{@root}/")
  end

  # What is wrong, nil if nothing is.
  def problem
    send(@kind)
    nil
  rescue Puppet::Error, SyntaxError, SystemCallError, EncodingError => error
    told(error)
  end

  private

  def text
    @text ||= File.read(@path, encoding: 'UTF-8')
  end

  def puppet
    raise EncodingError, 'is not UTF-8' unless text.valid_encoding?

    Puppet::Pops::Parser::EvaluatingParser.new.parse_string(text, @path)
  end

  def ruby
    RubyVM::InstructionSequence.compile(text, @path, @path)
  end

  def yaml
    data = Puppet::Util::Yaml.safe_load(text, [Symbol], @path)
    # An empty file is none that Hiera minds.
    raise Puppet::Error, 'is no hash, as Hiera needs one' unless data.is_a?(Hash) || !data
  end

  def json
    raise Puppet::Error, 'is no hash, as Hiera needs one' unless JSON.parse(text).is_a?(Hash)
  rescue JSON::ParserError => error
    raise Puppet::Error, error.message
  end

  def hiera_configuration
    Hiera.new(@path, @root).check(text)
  end

  def told(error)
    message = error.respond_to?(:basic_message) ? error.basic_message : error.message
    message = message.lines.first.to_s.strip.gsub("#{@root}/", '').delete_prefix("#{name}: ")
    line = error.respond_to?(:line) && error.line ? ":#{error.line}" : ''
    message.start_with?("#{name}:") || message.start_with?("(#{name}") ? message : "#{name}#{line}: #{message}"
  end
end

# A hiera.yaml, of the environment or of a module, and the data files that it leads to.
class Hiera
  # What Puppet makes of the data of a level, by the endings of its files.
  KINDS = { '.yaml' => :yaml, '.yml' => :yaml, '.eyaml' => :yaml, '.json' => :json }.freeze
  INTERPOLATION = /%\{[^}]*\}/
  OF_ENVIRONMENT = /%\{(::|server_facts\.)?environment\}/

  def initialize(path, root, served_at = nil)
    @path = path
    @root = root
    @served_at = served_at
  end

  # By Puppet's own rules for it.
  def check(text)
    data = Puppet::Util::Yaml.safe_load(text, [Symbol], @path)
    raise Puppet::Error, 'is no hash' unless data.is_a?(Hash)
    raise Puppet::Error, "has version #{data['version'].inspect}: version 5 is needed" unless [4, 5].include?(data['version'])
    return unless data['version'] == 5

    Puppet::Pops::Lookup::HieraConfigV5.new(Pathname(@path).parent, Pathname(@path), data, owner)
    twice = names(data).tally.select { |_, times| times > 1 }.keys
    raise Puppet::Error, "has more than one level named '#{twice.first}'" if twice.any?
  end

  # The files that a level can lead to, with what is in each: interpolations may stand for anything.
  def files
    levels.flat_map { |level, datadir| of_level(level, datadir) }.uniq
  end

  private

  def owner
    directory = File.dirname(@path)
    return Puppet::Pops::Lookup::EnvironmentDataProvider.new if directory == @root

    Puppet::Pops::Lookup::ModuleDataProvider.new(File.basename(directory))
  end

  def names(data)
    Array(data['hierarchy']).grep(Hash).map { |level| level['name'] }
  end

  def levels
    data = Puppet::Util::Yaml.safe_load(File.read(@path), [Symbol], @path)
    return [] unless data.is_a?(Hash)

    usual = data['defaults'].is_a?(Hash) ? data['defaults']['datadir'] : nil
    %w[hierarchy default_hierarchy].flat_map { |key| Array(data[key]).grep(Hash) }.filter_map do |level|
      datadir = directory(level['datadir'] || usual || 'data')
      [level, datadir] if datadir
    end
  rescue Puppet::Error
    [] # it is told of by itself
  end

  # Where a level's data is; nil where that is not in the commit, or can't be known.
  def directory(name)
    name = name.to_s.gsub(OF_ENVIRONMENT, File.basename(@root))
    path = File.expand_path(name, File.dirname(@path))
    path = path.sub(@served_at, @root) if @served_at
    path if !name.match?(INTERPOLATION) && (path == @root || path.start_with?("#{@root}/"))
  end

  def of_level(level, datadir)
    files = [level['path'], *level['paths'], Array(level['mapped_paths'])[2]].grep(String)
    # A backend may take a directory for the files in it.
    places = [*files, *files.map { |file| "#{file}/*" }, *[level['glob'], *level['globs']].grep(String)]
    patterns = places.map { |place| pattern(place) }
    found = Dir.glob('**/*', base: datadir).select { |name| patterns.any? { |pattern| name.match?(pattern) } }
    found.map { |name| File.join(datadir, name) }.select { |file| File.file?(file) && KINDS.key?(File.extname(file)) }
  end

  # Puppet's globs are those of Ruby.
  def pattern(place)
    parts = place.split(/(#{INTERPOLATION}|\*\*\/?|\*|\?|\{[^}]*\})/)
    Regexp.new("\\A#{parts.map { |part| meant(part) }.join}\\z")
  end

  def meant(part)
    case part
    when /\A%\{/, /\A\*\*/ then '.*'
    when '*' then '[^/]*'
    when '?' then '[^/]'
    when /\A\{/ then "(#{part[1...-1].split(',', -1).map { |word| Regexp.escape(word) }.join('|')})"
    else Regexp.escape(part)
    end
  end
end

# An environment in a directory, as Puppet's own loader of environments has it.
class Environment
  def initialize(directory, served_in)
    @root = directory
    @name = File.basename(directory)
    @served_at = File.join(served_in, @name)
    Puppet[:environmentpath] = File.dirname(directory)
    @loader = Puppet::Environments::Directories.new(File.dirname(directory), [])
    @environment = Puppet.override(environments: @loader) { @loader.get(@name) }
  end

  def sources
    @sources ||= [*code, *data].uniq(&:path)
  end

  def problems(commit, known)
    unread = sources.reject { |source| known.include?(source.digest) }
    [*unread.filter_map(&:problem), *misnamed, *wrong_version(commit)]
  end

  # The metadata of the custom types, by the name of its file: a server that finds it never loads the types themselves, which all
  # environments would share.
  def types(problems)
    Puppet.override(current_environment: @environment) do
      inputs = Puppet::Generate::Type.find_inputs(:pcore)
      $LOAD_PATH.unshift(*modules.map { |directory| File.join(directory, 'lib') })
      errors = logged { generate(inputs) }
      problems.concat(errors.map { |text| text.gsub("#{@root}/", '') })
    end
    @types
  end

  private

  def generate(inputs)
    Dir.mktmpdir do |directory|
      Puppet::Generate::Type.generate(inputs, directory, true)
      @types = Dir.children(directory).to_h { |name| [name, File.read(File.join(directory, name))] }
    end
  end

  # What Puppet logs as errors meanwhile.
  def logged
    messages = []
    collector = Puppet::Test::LogCollector.new(messages)
    Puppet::Util::Log.newdestination(collector)
    yield
    messages.select { |message| %i[err alert crit emerg].include?(message.level) }.map(&:message)
  ensure
    Puppet::Util::Log.close(collector)
  end

  # Directories of the modulepath that belong to the commit.
  def modulepath
    @environment.full_modulepath.select { |path| inside?(path) }
  end

  def modules
    @modules ||= modulepath.flat_map { |path| Dir.glob(File.join(path, '*/')).map { |directory| directory.chomp('/') } }
  end

  def inside?(path)
    path.start_with?("#{@root}/")
  end

  def code
    manifest = @environment.manifest.to_s
    site = File.directory?(manifest) ? files('**/*.pp', manifest) : [manifest].select { |file| File.file?(file) }
    [
      *site.select { |file| inside?(file) }.map { |file| source(file, :puppet) },
      *[@root, *modules].flat_map { |directory| loadable(directory) }
    ]
  end

  def loadable(directory)
    kinds = directory == @root ? %w[functions types] : %w[manifests functions types]
    [
      *kinds.flat_map { |kind| files('**/*.pp', File.join(directory, kind)) }.map { |file| source(file, :puppet) },
      *files('**/*.rb', File.join(directory, 'lib')).map { |file| source(file, :ruby) }
    ]
  end

  # hiera.yaml of the environment and of its modules, and the data that they lead to.
  def data
    [@root, *modules].flat_map do |directory|
      file = File.join(directory, 'hiera.yaml')
      next [] unless File.file?(file)

      found = Hiera.new(file, @root, @served_at).files
      [source(file, :hiera_configuration), *found.map { |path| source(path, Hiera::KINDS.fetch(File.extname(path))) }]
    end
  end

  # Modules whose metadata has another name than their directory: Puppet would find none of their code.
  def misnamed
    modules.filter_map do |directory|
      metadata = File.join(directory, 'metadata.json')
      next unless File.file?(metadata)

      name = JSON.parse(File.read(metadata))['name'].to_s
      next if name[%r{[^/-]+\z}] == File.basename(directory)

      "#{directory.delete_prefix("#{@root}/")}/metadata.json: the module's name is '#{name}', but its directory's is " \
        "'#{File.basename(directory)}': correct its name in the Puppetfile"
    rescue JSON::ParserError, TypeError
      "#{directory.delete_prefix("#{@root}/")}/metadata.json: is no JSON of a module"
    end
  end

  # The version that catalogs will bear, as Puppet asks for it. It must not be that of another commit.
  def wrong_version(commit)
    command = @environment.config_version.to_s.gsub(@served_at, @root)
    return [] if command.empty?

    version = Puppet::Util::Execution.execute([command], failonfail: true, combine: true).to_s.strip
    # A number of seconds is none, nor is a word.
    commits = version.scan(/\b\h{7,40}\b/).grep(/\d/).grep(/\h*[a-f]/)
    right = !version.empty? && (commits.empty? || commits.any? { |found| commit.start_with?(found) })
    right ? [] : ["environment.conf: config_version says '#{version}', which is not the commit #{commit[0, 10]}"]
  rescue Puppet::ExecutionFailure => error
    ["environment.conf: config_version fails: #{error.message.gsub("#{@root}/", '').strip}"]
  end

  def files(pattern, directory)
    Dir.glob(pattern, base: directory).map { |name| File.join(directory, name) }.select { |file| File.file?(file) }.sort
  end

  def source(file, kind)
    Source.new(@root, file, kind)
  end
end

def answer(question)
  environment = Environment.new(question['directory'], question['served_in'])
  known = question['known'].fetch(Puppet.version, []).to_h { |digest| [digest, true] }
  problems = environment.problems(question['commit'], known)
  types = problems.empty? ? environment.types(problems) : {}
  { problems: problems, types: types, version: Puppet.version, digests: environment.sources.map(&:digest) }
rescue StandardError, ScriptError => error
  # What nobody foresaw is said of the environment, too.
  { problems: ["Puppet can't read it: #{error.message.lines.first.to_s.strip}"], types: {}, version: Puppet.version, digests: [] }
end

home, confdir, codedir = ARGV
Puppet.settings.preferred_run_mode = :server
Puppet.initialize_settings(['--confdir', confdir, '--vardir', "#{home}/var", '--codedir', codedir, '--disable_i18n'])
Puppet::Pops::Parser::EvaluatingParser.new.parse_string('$warm = 1')

while (line = $stdin.gets)
  # In a process of its own: the types of one environment are not to be taken for those of another one.
  child = fork do
    ANSWERS.puts(JSON.generate(answer(JSON.parse(line))))
    ANSWERS.flush
    exit!(0)
  end
  Process.wait(child)
  exit(1) unless $?.success?
end
