# frozen_string_literal: true

# What Puppet code says, for who checks Hiera data against it; with what checks/puppet_files.rb finds wrong with it:
#
#   ruby puppet_code.rb < request.json > answer.json
#
# request.json: {"modulepath": [DIRECTORY, ...], "manifests": FILE or DIRECTORY, "describe": true or false,
#   "lint_options": [OPTION of puppet-lint, ...] or null to leave it out,
#   "check": {"lint": [FILE.pp, ...], "epp": [FILE.epp, ...], "erb": [FILE.erb, ...]}}
# answer.json: {"code": {"units": [...], "aliases": {NAME: TYPE}, "modules": [...], "mentioned": [MODULE, ...],
#   "broken": [FILE, ...]}, "problems": [...]}
#
# A unit is a class, a defined type, a function, the main manifest, or a template or Ruby file that looks something up. It
# has its parameters with their types, the names of other units that it mentions in whatever way, and the Hiera keys that
# it looks up by name; `*` stands for a part of a key that is known only when the code runs.
require 'json'
require 'puppet'
require 'tmpdir'
require_relative 'checks/puppet_files'

# Data types as trees of hashes; a type alias stays a name, and its own tree is kept once.
class TypeTrees
  attr_reader :aliases

  T = Puppet::Pops::Types

  def initialize
    @aliases = {}
  end

  def tree(type)
    case type
    when nil, T::PAnyType.singleton_class then { 'kind' => 'Any' }
    when T::PTypeAliasType then alias_of(type)
    when T::POptionalType, T::PNotUndefType, T::PSensitiveType
      { 'kind' => type.simple_name, 'of' => tree(type.type) }
    when T::PVariantType then { 'kind' => 'Variant', 'of' => type.types.map { |each| tree(each) } }
    when T::PEnumType then { 'kind' => 'Enum', 'values' => type.values, 'any_case' => type.case_insensitive? }
    when T::PPatternType then { 'kind' => 'Pattern', 'patterns' => type.patterns.map { |each| each.regexp.source } }
    when T::PStringType then string(type)
    when T::PBooleanType then { 'kind' => 'Boolean', 'value' => type.value }
    when T::PIntegerType, T::PFloatType then { 'kind' => type.simple_name, 'from' => type.from, 'to' => type.to }
    when T::PTupleType
      { 'kind' => 'Tuple', 'of' => type.types.map { |each| tree(each) }, **size(type.size_type) }
    when T::PArrayType then { 'kind' => 'Array', 'of' => tree(type.element_type), **size(type.size_type) }
    when T::PHashType
      { 'kind' => 'Hash', 'key' => tree(type.key_type), 'of' => tree(type.value_type), **size(type.size_type) }
    when T::PStructType then { 'kind' => 'Struct', 'members' => type.elements.map { |each| member(each) } }
    when T::PCollectionType then { 'kind' => 'Collection', **size(type.size_type) }
    else { 'kind' => type.simple_name }
    end
  end

  private

  def alias_of(type)
    unless @aliases.key?(type.name)
      @aliases[type.name] = nil # a type may hold itself
      @aliases[type.name] = tree(type.resolved_type)
    end
    { 'kind' => 'Alias', 'name' => type.name }
  end

  def string(type)
    return { 'kind' => 'Enum', 'values' => [type.value], 'any_case' => false } if type.value

    { 'kind' => 'String', **size(type.size_type) }
  end

  def size(type)
    { 'from' => type&.from, 'to' => type&.to }
  end

  def member(element)
    { 'name' => element.name, 'optional' => element.key_type.is_a?(T::POptionalType), 'of' => tree(element.value_type) }
  end
end

# Reads the files of an environment.
class Description
  M = Puppet::Pops::Model
  KINDS = {
    M::HostClassDefinition => 'class', M::ResourceTypeDefinition => 'define', M::FunctionDefinition => 'function'
  }.freeze
  # Data types that checks go by, although no parameter has them.
  ASKED_FOR = %w[Flask_microservice::System_name Flask_microservice::Secret_environment].freeze
  LOOKUPS = %w[lookup hiera hiera_array hiera_hash hiera_include].freeze
  SAYS_NOTHING = { 'mentions' => [], 'prefixes' => [], 'lookups' => [], 'includes_any' => false }.freeze
  INCLUDES = %w[include contain require hiera_include].freeze
  # How Ruby and ERB look a key up: call_function('lookup', 'KEY'), scope.function_hiera(['KEY']), lookup('KEY').
  LOOKED_UP = /(?:\bcall_function\(?\s*\[?\s*[:'"]|\bfunction_|\b)(?:lookup|hiera(?:_array|_hash|_include)?)['"]?\s*[,(\[]\s*\[?\s*(?:(['"])([^'"\n]+)\1|(\S))/

  def initialize(environment)
    @environment = environment
    @parser = Puppet::Pops::Parser::Parser.new
    @types = TypeTrees.new
    @units = []
    @broken = []
  end

  def to_h
    manifests = File.file?(@environment.manifest) ? '' : '**/*.pp'
    Dir.glob(File.join(@environment.manifest, manifests).chomp('/')).each { |file| main(file) }
    @environment.modules.sort_by(&:name).each { |mod| read(mod) }
    ASKED_FOR.each { |name| ask_for(name) }
    names = @units.to_h { |unit| [unit['name'], true] }
    mentioned = @units.flat_map { |unit| unit['mentions'] }.map { |name| name.partition('::').first }.uniq
    @units.each { |unit| unit['mentions'].select! { |name| names.key?(name) } }
    { 'units' => @units, 'aliases' => @types.aliases, 'modules' => @environment.modules.map { |mod| metadata(mod) },
      'mentioned' => mentioned, 'broken' => @broken }
  end

  private

  def main(file)
    program = parse(file)
    @units << { 'kind' => 'main', 'name' => '', 'parameters' => {}, **said_in(program) } if program
  end

  def ask_for(name)
    mod = name.partition('::').first.downcase
    return unless @environment.module(mod)

    type = Puppet::Pops::Types::TypeParser.singleton.parse(name, Puppet.lookup(:loaders).private_loader_for_module(mod))
    @types.tree(type)
  rescue Puppet::Error
    nil # an older one has no such type
  end

  def read(mod)
    loader = Puppet.lookup(:loaders).private_loader_for_module(mod.name)
    Dir.glob(File.join(mod.path, '{manifests,functions}/**/*.pp')).each do |file|
      parse(file)&.definitions&.each do |definition|
        kind = KINDS[definition.class]
        @units << unit(kind, definition, loader) if kind
      end
    end
    Dir.glob(File.join(mod.path, '{templates/**/*.{epp,erb},lib/**/*.rb}')).each { |file| other(file) }
    Dir.glob(File.join(mod.path, 'plans/**/*.pp')).each { |file| plan(file) }
  end

  # A plan of Bolt: no catalog, but it looks keys up. One that does not parse is one of the problems.
  def plan(file)
    Puppet[:tasks] = true
    lookups = said_in(Puppet::Pops::Parser::Parser.new.parse_file(file).model)['lookups']
    @units << { 'kind' => 'file', 'name' => file, 'parameters' => {}, **SAYS_NOTHING, 'lookups' => lookups } unless lookups.empty?
  rescue Puppet::Error, ArgumentError, EncodingError
    nil
  ensure
    Puppet[:tasks] = false
  end

  # A template or a file of Ruby: any catalog may use it.
  def other(file)
    text = File.read(file, encoding: 'UTF-8')
    return unless text.valid_encoding? && text.match?(/lookup|hiera/)

    said = file.end_with?('.epp') ? said_in(Puppet::Pops::Parser::EppParser.new.parse_string(text, file).model) : said_in_ruby(text)
    @units << { 'kind' => 'file', 'name' => file, 'parameters' => {}, **said } unless said['lookups'].empty?
  rescue Puppet::Error, SystemCallError
    nil # a template that does not parse is one of the problems
  end

  def said_in_ruby(text)
    keys = text.scan(LOOKED_UP).map { |_, key, _| key ? root(key.gsub(/\#\{[^}]*\}/, '*')) : '*' }
    { **SAYS_NOTHING, 'lookups' => keys.uniq }
  end

  # A file that does not parse is one of the problems; here it only says nothing.
  def parse(file)
    @parser.parse_file(file).model
  rescue Puppet::Error, ArgumentError, EncodingError
    @broken << file
    nil
  end

  def unit(kind, definition, loader)
    parameters = kind == 'function' ? {} : definition.parameters.to_h { |its| [its.name, parameter(its, loader)] }
    { 'kind' => kind, 'name' => definition.name.delete_prefix('::'), 'parameters' => parameters, **said_in(definition) }
  end

  def parameter(its, loader)
    type = Puppet::Pops::Types::TypeParser.singleton.interpret(its.type_expr, loader) if its.type_expr
    { 'type' => @types.tree(type), 'optional' => !its.value.nil? }
  rescue Puppet::Error
    { 'type' => { 'kind' => 'Any' }, 'optional' => !its.value.nil? }
  end

  def said_in(model)
    said = { 'mentions' => [], 'prefixes' => [], 'lookups' => [], 'includes_any' => [] }
    said['mentions'] << model.parent_class.delete_prefix('::') if model.respond_to?(:parent_class) && model.parent_class
    model._pcore_all_contents([]) { |part| note(part, said) }
    { **said.transform_values(&:uniq), 'includes_any' => said['includes_any'].any? }
  end

  def note(part, said)
    case part
    when M::LiteralString
      said['mentions'] << part.value.delete_prefix('::')
      said['lookups'].concat(said_in_ruby(part.value)['lookups']) if part.value.include?('<%')
    when M::QualifiedName then said['mentions'] << part.value.delete_prefix('::')
    when M::QualifiedReference then said['mentions'] << part.cased_value.downcase
    when M::ConcatenatedString
      first = part.segments.first
      said['prefixes'] << first.value if first.is_a?(M::LiteralString)
    when M::CallNamedFunctionExpression then called(part.functor_expr, part.arguments, said)
    when M::CallMethodExpression
      called(part.functor_expr.right_expr, [part.functor_expr.left_expr, *part.arguments], said) if part.functor_expr.is_a?(M::NamedAccessExpression)
    end
  end

  def called(function, arguments, said)
    return unless function.is_a?(M::QualifiedName)

    said['includes_any'] << true if INCLUDES.include?(function.value) && arguments.any? { |each| each.is_a?(M::VariableExpression) || each.is_a?(M::CallExpression) }
    return unless LOOKUPS.include?(function.value)

    # lookup({name => 'KEY', ...}) has it among its options.
    options = arguments.find { |each| each.is_a?(M::LiteralHash) }
    named = options&.entries&.find { |entry| entry.key.respond_to?(:value) && entry.key.value == 'name' }
    names = arguments.first.equal?(options) && named ? named.value : arguments.first
    Array(names.is_a?(M::LiteralList) ? names.values : names).each { |name| said['lookups'] << key_of(name) }
  end

  # The key that an expression stands for.
  def key_of(name)
    case name
    when M::LiteralString, M::QualifiedName then root(name.value)
    when M::ConcatenatedString
      text = name.segments.map { |part| part.is_a?(M::LiteralString) ? part.value : '*' }.join.gsub(/\*+/, '*')
      root(text)
    else '*'
    end
  end

  # What comes after a dot is inside of the key's value.
  def root(key)
    key.match?(/\A["']/) ? key[1..].partition(key[0]).first : key.delete_prefix('::').partition('.').first
  end

  def metadata(mod)
    file = File.join(mod.path, 'metadata.json')
    said = File.exist?(file) ? JSON.parse(File.read(file)) : {}
    { 'name' => mod.name, 'slug' => said['name'].to_s.tr('/', '-'), 'version' => said['version'],
      'dependencies' => said['dependencies'] || [] }
  rescue JSON::ParserError
    { 'name' => mod.name, 'slug' => '', 'version' => nil, 'dependencies' => [] }
  end
end

request = JSON.parse($stdin.read)
Dir.mktmpdir do |directory|
  # What is not said, Puppet makes in the home.
  Puppet.initialize_settings(%w[--confdir --vardir --codedir --logdir].flat_map { |setting| [setting, directory] })
  Puppet.settings.preferred_run_mode = :server
  Puppet[:strict] = :error
  Puppet[:basemodulepath] = ''
  environment = Puppet::Node::Environment.create(:validate, request['modulepath'], request['manifests'])
  loaders = Puppet::Pops::Loaders.new(environment)
  Puppet.override(current_environment: environment, loaders: loaders) do
    files = PuppetFiles.new(request['lint_options'], request['modulepath'], request['manifests'])
    answer = { 'problems' => files.problems(**request['check'].transform_keys(&:to_sym)) }
    answer['code'] = Description.new(environment).to_h if request['describe']
    puts JSON.generate(answer)
  end
end
