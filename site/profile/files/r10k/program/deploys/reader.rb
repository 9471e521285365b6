# frozen_string_literal: true

# Reads environments as Puppet Server will: everything that its autoloaders can load, hiera.yaml, every data file, the version
# of the configuration. A line of JSON on standard input for each environment, and one on standard output in answer:
#
#   {"directory": PATH, "commit": SHA, "known": {VERSION: [DIGEST, …]}}
#   {"problems": [TEXT, …], "types": {FILE: TEXT, …}, "version": VERSION, "digests": [DIGEST, …]}
#
# `known` has the digests of files that were in order. Nothing of the environment is run but its custom types, whose metadata is
# generated, and its config_version. Its argument is a directory of its own, for Puppet's.
require 'digest'
require 'json'
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
    data = Puppet::Util::Yaml.safe_load(text, [Symbol], @path)
    return unless data.is_a?(Hash) && data['version'] == 5

    Puppet::Pops::Types::TypeAsserter.assert_instance_of('it', Puppet::Pops::Lookup::HieraConfigV5.config_type, data)
  end

  def told(error)
    message = error.respond_to?(:basic_message) ? error.basic_message : error.message
    message = message.lines.first.to_s.strip.gsub("#{@root}/", '').delete_prefix("#{name}: ")
    line = error.respond_to?(:line) && error.line ? ":#{error.line}" : ''
    message.start_with?("#{name}:") || message.start_with?("(#{name}") ? message : "#{name}#{line}: #{message}"
  end
end

# An environment in a directory, as Puppet's own loader of environments has it.
class Environment
  DATA = { '.yaml' => :yaml, '.yml' => :yaml, '.eyaml' => :yaml, '.json' => :json }.freeze

  def initialize(directory)
    @root = directory
    Puppet[:environmentpath] = File.dirname(directory)
    @name = File.basename(directory)
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

  # hiera.yaml of the environment and of its modules, and all data below their directories of data.
  def data
    [@root, *modules].flat_map do |directory|
      file = File.join(directory, 'hiera.yaml')
      next [] unless File.file?(file)

      [source(file, :hiera_configuration), *datadirs(file, directory).flat_map { |place| data_files(place) }]
    end
  end

  def datadirs(file, directory)
    config = Puppet::Util::Yaml.safe_load(File.read(file), [Symbol], file)
    return [] unless config.is_a?(Hash)

    entries = [config['defaults'], *Array(config['hierarchy'])].grep(Hash)
    named = entries.filter_map { |entry| entry['datadir'] }.grep(String)
    # What an interpolation stands for is not known here: the directory above it is.
    ['data', *named].uniq.map { |name| File.expand_path(name[/\A[^%]*/], directory) }.select { |path| inside?(path) || path == @root }
  rescue Puppet::Error
    [] # it is told of by itself
  end

  def data_files(directory)
    files('**/*', directory).filter_map { |file| DATA[File.extname(file)]&.then { |kind| source(file, kind) } }
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
    rescue JSON::ParserError
      "#{directory.delete_prefix("#{@root}/")}/metadata.json: is no JSON"
    end
  end

  # The version that catalogs will bear, as Puppet asks for it. It must not be that of another commit.
  def wrong_version(commit)
    command = @environment.config_version
    return [] if command.nil? || command.empty?

    version = Puppet::Util::Execution.execute([command], failonfail: true, combine: true).to_s.strip
    commits = version.scan(/\b\h{7,40}\b/).grep(/\d/)
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
  environment = Environment.new(question['directory'])
  known = question['known'].fetch(Puppet.version, []).to_h { |digest| [digest, true] }
  problems = environment.problems(question['commit'], known)
  types = problems.empty? ? environment.types(problems) : {}
  { problems: problems, types: types, version: Puppet.version, digests: environment.sources.map(&:digest) }
end

home = ARGV.fetch(0)
Puppet.initialize_settings(['--confdir', "#{home}/conf", '--vardir', "#{home}/var", '--codedir', "#{home}/code", '--disable_i18n'])
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
