# frozen_string_literal: true

# What a run of the agent does otherwise in a process that was loaded long before it: it looks anew for what the plugins
# bring, and leaves out what it would only do once more.
require 'json'
require 'puppet'
require 'puppet/configurer'
require_relative 'fewer-forks'

module LoadedAhead
  # Puppet looks for the providers of a type when it loads the type, which a run that starts from nothing does after it has
  # fetched the plugins. Here the types are loaded long before, so it has to look again.
  module Plugins
    def download_plugins(*)
      super.tap { load_providers }
    end

    def prepare_and_retrieve_catalog_from_cache(*)
      Puppet::Util::Autoload.reload_changed(Puppet.lookup(:current_environment))
      load_providers
      super
    end

    private

    def load_providers
      directory = File.join(Puppet[:plugindest], 'puppet', 'provider')
      fetched = Dir.glob('*/*.rb', base: directory).map { |file| file.delete_suffix('.rb').split('/') }
      Puppet::Type.eachtype do |type|
        names = fetched.filter_map { |of, name| name if of == type.name.to_s && !type.providerloader.loaded?(name) }
        names.each { |name| load_provider(type, name) }
      end
      own = Puppet::Type.type(:package).provider(:flask_microservice)
      own&.singleton_class&.prepend(FewerForks::OwnPackages)
    end

    # One that does not load has said so; it is missed where the catalog needs it.
    def load_provider(type, name)
      type.providerloader.load(name, Puppet.lookup(:current_environment))
    rescue Puppet::Error
      nil
    end
  end

  # The server is asked which environment the node is in before any plugin is fetched. Puppet begins where the last run ended
  # and, where the server has moved the node since, starts anew with what it has loaded from there. Where the server can't be
  # asked, it is the environment of the last run: that of the catalog that is kept.
  module GivenEnvironment
    def run(options = {})
      @options = options
      super
    ensure
      FilesOfCommit.write
    end

    private

    # Where its plugins can't be fetched a run takes the catalog that is kept: of a node that is moved, that of another commit.
    def download_plugins(*)
      super.tap do
        moved = @last_environment && @environment != @last_environment
        raise Puppet::Error, "the plugins of environment '#{@environment}' can't be fetched" if moved && @running_failure
      end
    end

    def last_server_specified_environment
      last, loaded = super
      @last_environment = last
      return [last, loaded] unless loaded

      @environment = last if last # what it says of a move is about this one
      configured = Puppet[:environment] if Puppet.settings.set_by_config?(:environment)
      [current_server_specified_environment(@environment, configured, @options) || last, loaded]
    end

    def current_server_specified_environment(*)
      super.tap { |given| FilesOfCommit.given = given }
    end
  end

  # Puppet makes a catalog of all plugins to see whether they are those of the server. Here they are looked at one by one, and
  # that catalog has the rest to do where one is not as it should be, with what the server has answered.
  module PluginsInPlace
    include Puppet::Util::Checksums

    def evaluate
      return super unless in_place?(on_server)

      Puppet.info("Retrieving #{name}")
      []
    end

    # What Puppet asks of all files of a source.
    def self.question(ignored, permissions)
      { recurse: true, recurselimit: nil, max_files: -1, ignore: ignored&.split, links: :follow,
        checksum_type: Puppet[:digest_algorithm].to_sym, source_permissions: permissions }
    end

    private

    def on_server
      asked = PluginsInPlace.question(ignore, @source_permissions)
      told = Puppet::FileServing::Metadata.indirection.search(source, environment: @environment, **asked)
      answer { told }
      told || []
    rescue StandardError => error
      answer { raise error }
      []
    end

    # What Puppet would ask the server is answered so; what it asks itself about the files here is not.
    def answer
      here = path
      file.define_singleton_method(:perform_recursion) { |where| where == here ? super(where) : yield }
    end

    def in_place?(told)
      here = Dir.glob('**/*', File::FNM_DOTMATCH, base: path) | ['.']
      here.sort == told.map(&:relative_path).sort && told.all? { |meta| as_told?(meta, File.join(path, meta.relative_path)) }
    rescue SystemCallError
      false
    end

    def as_told?(meta, file)
      stat = File.lstat(file)
      return false unless [stat.ftype, stat.uid, stat.gid] == [meta.ftype, Process.uid, Process.gid]
      return false unless @source_permissions == :ignore || meta.mode == stat.mode & 0o7777

      algorithm = Puppet[:digest_algorithm]
      meta.ftype == 'directory' || (meta.ftype == 'file' && meta.checksum == "{#{algorithm}}#{send("#{algorithm}_file", file)}")
    end
  end

  # What files a commit has never changes. Of an environment that the server has given in this run, and whose name is that of a
  # commit, each question is asked once, and the answer kept for the runs that follow.
  module FilesOfCommit
    FILE = '/var/lib/puppet-run/files_of_commit.json' # in a directory where root alone may write
    COMMIT = /\Ac_\h{10}\z/
    MOUNTS = %w[plugins pluginfacts locales modules].freeze # other mounts are directories of the server

    class << self
      # The environment that the server has said in this run.
      attr_writer :given

      # What the server has answered to a question of this run or of one before; nothing if it was not asked.
      def answer(url, question)
        told = kept['answers'][key(url, question)] if of_commit?(question)
        told.is_a?(Array) ? told.map { |one| metadata(one) } : told && metadata(told)
      end

      def keep(url, question, told)
        return unless of_commit?(question)

        kept['answers'][key(url, question)] = told.is_a?(Array) ? told.map(&:to_data_hash) : told.to_data_hash
        @changed = true
      end

      def write
        Puppet::FileSystem.replace_file(FILE, 0o600) { |file| file.print(JSON.generate(kept)) } if @changed
      rescue SystemCallError, JSON::GeneratorError
        nil # the next run asks the server
      end

      private

      def of_commit?(question)
        question[:environment].to_s == @given && COMMIT.match?(@given) && MOUNTS.include?(question[:path].to_s.split('/')[1])
      end

      def key(url, question)
        JSON.generate([url.to_s, question.sort])
      end

      def kept
        return @kept if @kept && @kept['environment'] == @given

        @kept = read
        @kept = { 'environment' => @given, 'answers' => {} } unless @kept['environment'] == @given && @kept['answers'].is_a?(Hash)
        @kept
      end

      def read
        JSON.parse(File.read(FILE)).to_h
      rescue SystemCallError, JSON::ParserError, NoMethodError, TypeError
        {}
      end

      def metadata(data)
        Puppet::FileServing::Metadata.from_data_hash(data.dup) # it takes the path out
      end
    end
  end

  # Whether the server has the environment Puppet sees by asking for the directory of the plugins: here for what is in it
  # besides, which it would ask for next.
  module AskedOnce
    class << self
      attr_accessor :known
    end

    def get_file_metadatas(**asked)
      whole = asked[:recurse] == :false # Puppet's word
      question = whole ? { **asked, **PluginsInPlace.question(Puppet[:pluginsignore], :ignore) } : asked
      told = FilesOfCommit.answer(url, question)
      return [nil, told] if told
      return remembered if AskedOnce.known&.first(2) == [url, question]

      answer = super(**question)
      FilesOfCommit.keep(url, question, answer.last)
      AskedOnce.known = [url, question, answer] if whole
      answer
    rescue Puppet::HTTP::ResponseError
      whole ? super : raise # what is wrong with the files is for the download to say
    end

    def get_file_metadata(**question)
      told = FilesOfCommit.answer(url, question)
      return [nil, told] if told

      super.tap { |_, answer| FilesOfCommit.keep(url, question, answer) }
    end

    private

    # Asked again, it may be another one.
    def remembered
      AskedOnce.known.last.tap { AskedOnce.known = nil }
    end
  end

  # After the plugins Puppet looks whether any of the files that it has loaded has changed. Here those of packages are watched
  # already: what is left are those in whose place a plugin has come.
  module ReloadedPlugins
    def reload_changed(environment)
      plugins = Dir.glob('**/*.rb', base: Puppet[:plugindest]).to_h { |file| [file.delete_suffix('.rb'), true] }
      loaded.keys.each { |file| load_file(file, environment) if plugins[file] && changed?(file, environment) }
    end
  end

  # Puppet makes its own directories in each run by a catalog of their own: not where all are there, and their owners and
  # modes are nothing that it looks after.
  module OwnDirectories
    def use(*sections)
      super if Puppet[:manage_internal_file_permissions] || !in_place?(sections)
    end

    private

    def in_place?(sections)
      directories = @config.values.grep(Puppet::Settings::DirectorySetting)
      directories.all? { |setting| setting.value.nil? || !sections.include?(setting.section) || File.directory?(setting.value) }
    end
  end

  # Puppet twice makes a parser of options with each of its settings in it: here with those alone that may be meant by what
  # was given, whole or abbreviated. It takes `-` for `_`, and large letters for small ones.
  module GivenOptions
    attr_writer :arguments

    def optparse_addargs(*)
      return super if @arguments.nil? || @arguments.grep(/\A-\w\w/).any? # several short ones in one

      given = @arguments.grep(/\A-/).map { |argument| plain(argument[/\A[^=]+/]).sub('--no-', '--') }
      super.select do |option|
        option[...-2].any? { |name| given.any? { |start| plain(name.sub('[no-]', '')).start_with?(start) } }
      end
    end

    private

    def plain(option)
      option.downcase.tr('_', '-')
    end
  end

  # What a run has read of the file of its state is not read anew before anything has been written to it.
  module State
    def load
      file = Puppet[:statefile]
      now = File.file?(file) && File.stat(file).then { |stat| [file, stat.ino, stat.size, stat.ctime] }
      # As it was read: what the plugins have added since is not to be in it.
      return class_variable_set(:@@state, Marshal.load(@copy)) if now && now == @loaded

      super
      @copy = copy
      @loaded = now if @copy
    end

    def store
      @loaded = nil
      super
    end

    private

    def copy
      Marshal.dump(state)
    rescue TypeError
      nil # something that can't be copied: it is read again
    end
  end

  # The file of what each resource was like is left as it is where it says the same already.
  module Persistence
    def save
      same = @old_data == @new_data && @old_data['resources']&.any?
      super unless same && Puppet::FileSystem.exist?(Puppet[:transactionstorefile])
    end
  end

  # The catalog that is kept for a time without a server is the text that the server has sent. Puppet makes a second catalog
  # of the first, and a text of that.
  module ReceivedCatalog
    Text = Struct.new(:name, :environment, :text) do
      def render(_format)
        text.dup
      end
    end

    # For the class of catalogs.
    module Copies
      def from_data_hash(data)
        data.is_a?(Text) ? data : super
      end
    end

    # For the format in which the server sends one, which is that in which it is kept.
    module Format
      def intern(model, text)
        super.tap { |catalog| catalog.received = text if catalog.is_a?(Puppet::Resource::Catalog) && kept_so? }
      end

      private

      def kept_so?
        Puppet[:rich_data] && Puppet::Resource::Catalog.indirection.cache_class == :json
      end
    end

    attr_writer :received

    # What is asked for first after it was received is a copy of it: later it may have changed.
    def to_data_hash
      return super unless @received

      text, @received = @received, nil
      Text.new(name, environment, text)
    end
  end

  # The copy of the report that stays on the node is written while the server takes its own: a disk may take as long.
  module KeptReport
    def save(report, key = nil, options = {})
      if options[:ignore_cache]
        @keeping = keep(terminus_class, cache_class) { super(report, key, options.except(:ignore_cache).merge(ignore_terminus: true)) }
      elsif options[:ignore_terminus] && @keeping
        keeping, @keeping = @keeping, nil
        return keeping.value
      end
      super
    end

    private

    # Where reports go is known to one thread only. Whoever asks for the copy gets what went wrong.
    def keep(server, place)
      thread = Thread.new do
        self.terminus_class = server
        self.cache_class = place
        yield
      end
      thread.report_on_exception = false
      thread
    end
  end

  def self.use
    Puppet::Configurer.prepend(Plugins, GivenEnvironment)
    Puppet::Configurer::Downloader.prepend(PluginsInPlace)
    Puppet::HTTP::Service::FileServer.prepend(AskedOnce)
    Puppet::Util::Autoload.singleton_class.prepend(ReloadedPlugins)
    Puppet::Settings.prepend(OwnDirectories, GivenOptions)
    Puppet::Util::Storage.singleton_class.prepend(State)
    Puppet::Transaction::Persistence.prepend(Persistence)
    Puppet::Resource::Catalog.prepend(ReceivedCatalog)
    Puppet::Resource::Catalog.singleton_class.prepend(ReceivedCatalog::Copies)
    Puppet::Network::FormatHandler.format(:rich_data_json).singleton_class.prepend(ReceivedCatalog::Format)
    Puppet::Transaction::Report.indirection.singleton_class.prepend(KeptReport)
  end
end
