# frozen_string_literal: true

require 'pathname'
require 'puppet'
require 'puppet/pops'

# What a compilation asked for, found or not: a catalog stays the same as long as all of that does. Paths are those within
# the environment.
#
# Code is loaded once an environment and used by many nodes, so it is noted where it is asked for by name, not where
# its file is read.
module Inputs
  KINDS = %i[names functions types paths globs files keys collected].freeze

  class << self
    # Note what is asked for in the block; `root` is the directory of the environment.
    def of(root)
      @root = "#{root}/"
      @found = KINDS.to_h { |kind| [kind, {}] }
      @loading = 0
      yield
    end

    def to_h
      @found.transform_values(&:keys)
    end

    def add(kind, value)
      @found[kind][value.to_s.delete_prefix(@root)] = true if @found
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
    ensure
      @loading -= 1
    end

    def loading?
      @loading.to_i.positive?
    end

    def listed(pattern)
      return if @root.nil? || loading?

      add(:globs, pattern) if pattern.is_a?(String) && pattern.start_with?(@root)
    end

    def opened(path)
      return if @root.nil? || loading?

      path = path.to_s if path.is_a?(Pathname)
      add(:paths, path) if path.is_a?(String) && path.start_with?(@root)
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
    %i[read binread open new readlines foreach].each do |name|
      define_method(name) do |path = nil, *rest, **options, &block|
        Inputs.opened(path)
        super(path, *rest, **options, &block)
      end
    end

    %i[exist? file? directory? readable? stat size].each do |name|
      define_method(name) do |path|
        Inputs.opened(path)
        super(path)
      end
    end
  end
  File.singleton_class.prepend(Opened)

  # Which files there are of a kind.
  module Listed
    def glob(pattern, *rest, base: nil, **options, &block)
      Inputs.listed(base ? "#{base}/#{pattern}" : pattern)
      super
    end
  end
  Dir.singleton_class.prepend(Listed)
end
