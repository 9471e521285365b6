# frozen_string_literal: true

module PuppetPatches
  # Puppet makes a catalog of all plugins to see whether they are those of the server. Here they are looked at one by one, and
  # that catalog has the rest to do where one is not as it should be, with what the server has answered.
  module PluginsInPlace
    # What Puppet asks of all files of a source.
    def self.question(ignored, permissions)
      { recurse: true, recurselimit: nil, max_files: -1, ignore: ignored&.split, links: :follow,
        checksum_type: Puppet[:digest_algorithm].to_sym, source_permissions: permissions }
    end

    def evaluate
      return super unless in_place?(on_server)

      Puppet.info("Retrieving #{name}")
      []
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

  define 'plugins_in_place', relies_on: %w[puppet/configurer/downloader.rb puppet/type/file.rb] do
    Puppet::Configurer::Downloader.include(Puppet::Util::Checksums)
    Puppet::Configurer::Downloader.prepend(PluginsInPlace)
  end
end
