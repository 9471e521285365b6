# frozen_string_literal: true

require 'pathname'
require 'rbconfig'
require 'puppet'
require 'puppet/pops'
require 'securerandom'

# What a compilation asked for, found or not: a catalog stays the same as long as all of that does. Paths are those within
# the environment.
#
# Code is loaded once an environment and used by many nodes, so it is noted where it is asked for by name, not where
# its file is read. What else is read while code is loaded counts for all catalogs that this process makes from then on.
#
# Of what can't be followed, only that it was done is noted, in `whole`: `everything` for another program or a file outside
# of the environment, `clock` for the time, `fetched` for a module's file that was read by its own path.
module Inputs
  KINDS = %i[names functions types paths globs listed files keys collected whole].freeze
  # What is the same in every sandbox: Debian's files, and fleet's. On another machine, nothing is.
  CONSTANT = __dir__ == '/compiling' ? %r{\A/(?:usr|etc|opt|lib|bin|compiling|var/lib)(?:/|\z)} : /(?!)/
  # Where Ruby's libraries are, which do what others ask them to, and Puppet's own code, with the part of it that is
  # called by code in Puppet's language.
  LIBRARIES = [*RbConfig::CONFIG.values_at('rubylibprefix', 'vendordir', 'sitedir'), *Gem.path].uniq.freeze
  PUPPET = %r{\A#{Regexp.escape($LOADED_FEATURES.grep(%r{/puppet/version\.rb\z}).first.delete_suffix('/version.rb'))}[./]}
  CALLED = %r{/puppet/(?:functions|parser/functions|pops/time)/}
  # The last one is what `require` looks for beside a library: those of modules count for all catalogs.
  OF_CODE = ['.pp', '.rb', '.epp', '.erb', '.json', '.conf', '.yaml', ".#{RbConfig::CONFIG['DLEXT']}"].freeze
  # A type that is loaded may ask what kind of machine this is: the same one for all catalogs.
  FACTER = %r{/facter/}

  class << self
    # Note what is asked for in the block; `root` is the directory of the environment.
    def of(root)
      @root = "#{root}/"
      @fetched = "#{File.expand_path('../../../modules', root)}/"
      @found = KINDS.to_h { |kind| [kind, {}] }
      @loading = 0
      @broken = false
      @loaded ||= {}
      @loaded.each_key { |kind| @found[:whole][kind] = true }
      yield
    ensure
      @root = nil
    end

    def to_h
      @found.transform_values(&:keys)
    end

    def add(kind, value)
      @found[kind][value.to_s.delete_prefix(@root.to_s)] = true if @found
    end

    def collected(type)
      add(:collected, type)
    end

    # Puppet's own interface for those who want to know which keys of Hiera are looked up.
    def record(key)
      add(:keys, key)
    end

    # Files that are read while code is loaded are that code.
    def loading
      @loading = @loading.to_i + 1
      yield
    rescue StandardError, ScriptError
      @broken = true
      raise
    ensure
      @loading -= 1
    end

    # What is asked in the block makes no catalog another one: only files count.
    def only_checking
      @checking = true
      yield
    ensure
      @checking = false
    end

    # Whether code could not be loaded: what Puppet has kept of it says something else to the next who asks.
    def broken?
      @broken
    end

    def loading?
      @loading.to_i.positive?
    end

    # Files below a directory, or those of a glob.
    def listed(*patterns, base: nil)
      return if @root.nil? || loading?

      patterns.flatten.each do |pattern|
        at(:globs, base ? File.join(base.to_s, pattern.to_s) : pattern)
      end
    end

    # What is in a directory. Puppet itself looks for modules so, once for all nodes; which there are counts anyway.
    def entered(path)
      at(:listed, path) if @root && !loading? && by_code?
    end

    def opened(path)
      return if @root.nil?

      loading? ? loaded(path) : at(:paths, path)
    end

    # Something was done that no file says. Returns whether code of an environment did it, and not Puppet for itself.
    def done(kind)
      return false if @root.nil? || !by_code?

      whole(kind)
      true
    end

    private

    def by_code?
      caller_locations(3, 40).each do |frame|
        file = frame.absolute_path || frame.path
        next if file.start_with?("#{__dir__}/", '<internal:')
        return file.match?(CALLED) if file.match?(PUPPET)
        return true unless file.start_with?(*LIBRARIES)
        return false if loading? && file.match?(FACTER)
      end
      false
    end

    def at(kind, path)
      path = path.to_path if path.respond_to?(:to_path)
      return if !path.is_a?(String) || path.empty?

      path = File.join(Dir.pwd, path) unless path.start_with?('/')
      if path.start_with?(@root)
        add(kind, path)
      elsif path == @root.chomp('/')
        add(kind, '.')
      elsif path.start_with?(@fetched)
        whole('fetched')
      elsif !path.match?(CONSTANT) && by_code?
        whole('everything')
      end
    end

    # Code, what says where code is, and what Puppet looks for beside it are known by their names.
    def loaded(path)
      path = path.to_path if path.respond_to?(:to_path)
      return if !path.is_a?(String) || !path.start_with?(@root, @fetched)
      return if path.end_with?(*OF_CODE) || !File.extname(path).match?(/./)

      whole('everything')
    end

    def whole(kind)
      return if @checking

      @found[:whole][kind] = true
      @loaded[kind] = true if loading?
    end
  end

  # Classes and defined types: each is asked for by its name whenever it is used.
  module Names
    private

    def find_or_load(name, type)
      Inputs.add(:names, name.to_s.delete_prefix('::').downcase)
      Inputs.loading { super }
    end
  end
  Puppet::Resource::TypeCollection.prepend(Names)

  # Functions, and data types where they are first named.
  module Loaded
    def load(type, name)
      case type
      when :function then Inputs.add(:functions, name)
      when :type then Inputs.add(:types, name)
      end
      Inputs.loading { super }
    end
  end
  Puppet::Pops::Loader::Loader.prepend(Loaded)

  # Files of Hiera, those too that a node would have and that are not there.
  module Locations
    def resolve_paths(...)
      super.each { |found| Inputs.add(:paths, found.location) }
    end

    def expand_mapped_paths(...)
      super&.each { |found| Inputs.add(:paths, found.location) }
    end

    def expand_globs(datadir, declared, invocation)
      declared.each { |glob| Inputs.add(:globs, datadir + interpolate(glob, invocation, false)) }
      super.each { |found| Inputs.add(:paths, found.location) }
    end
  end
  Puppet::Pops::Lookup::LocationResolver.prepend(Locations)

  # Templates and files of modules, by MODULE/PATH.
  module ModuleFiles
    def find_file(name, environment)
      Inputs.add(:files, "files:#{name}")
      super
    end

    def find_template(name, environment)
      Inputs.add(:files, "templates:#{name}")
      super
    end
  end
  Puppet::Parser::Files.singleton_class.prepend(ModuleFiles)

  # Whatever functions and templates read besides.
  module Opened
    %i[read binread new open readlines foreach sysopen exist? file? directory? readable? executable? stat lstat size size?
       zero? empty? mtime ctime symlink? readlink realpath].each do |name|
      define_method(name) do |path = nil, *rest, **options, &block|
        Inputs.opened(path)
        super(path, *rest, **options, &block)
      end
    end
  end
  File.singleton_class.prepend(Opened)
  FileTest.singleton_class.prepend(Opened)

  # The same of IO, which File would ask for them itself.
  module OpenedByIo
    %i[read binread readlines foreach sysopen].each do |name|
      define_method(name) do |path = nil, *rest, **options, &block|
        Inputs.opened(path)
        super(path, *rest, **options, &block)
      end
    end

    def popen(...)
      Inputs.done('everything')
      super
    end
  end
  IO.singleton_class.prepend(OpenedByIo)

  # Which files there are.
  module Listed
    def glob(pattern, *rest, base: nil, **options, &block)
      Inputs.listed(pattern, base: base)
      super
    end

    def [](*patterns, **options)
      Inputs.listed(*patterns, base: options[:base])
      super
    end

    %i[entries children each_child foreach new open exist? empty?].each do |name|
      define_method(name) do |path, *rest, **options, &block|
        Inputs.entered(path)
        super(path, *rest, **options, &block)
      end
    end
  end
  Dir.singleton_class.prepend(Listed)

  # Programs, and chance.
  module Done
    %i[spawn system fork ` rand srand].each do |name|
      define_method(name) do |*arguments, **options, &block|
        Inputs.done('everything')
        super(*arguments, **options, &block)
      end
    end

    def open(path, *rest, **options, &block)
      Inputs.opened(path)
      super
    end
    private(*instance_methods(false))
  end
  Kernel.prepend(Done)

  # The same where it is said whose they are.
  module DoneByName
    Done.private_instance_methods(false).each do |name|
      define_method(name) do |*arguments, **options, &block|
        name == :open ? Inputs.opened(arguments.first) : Inputs.done('everything')
        super(*arguments, **options, &block)
      end
    end
  end
  Kernel.singleton_class.prepend(DoneByName)

  # Puppet's own way to run a program, also for generate().
  module Executed
    def execute(...)
      Inputs.done('everything')
      super
    end
  end
  Puppet::Util::Execution.singleton_class.prepend(Executed)

  # Chance.
  module Random
    %i[rand bytes random_number new_seed seed urandom].each do |name|
      define_method(name) do |*arguments|
        Inputs.done('everything')
        super(*arguments)
      end
    end

    def new(*seed)
      Inputs.done('everything') if seed.empty?
      super
    end
  end
  ::Random.singleton_class.prepend(Random)

  # The same.
  module SecureRandom
    %i[bytes gen_random].each do |name|
      define_method(name) do |*arguments|
        Inputs.done('everything')
        super(*arguments)
      end
    end
  end
  ::SecureRandom.singleton_class.prepend(SecureRandom)
end
