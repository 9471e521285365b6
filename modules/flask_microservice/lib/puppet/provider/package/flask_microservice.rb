# frozen_string_literal: true

require 'open3'

Puppet::Type.type(:package).provide(:flask_microservice, parent: :apt, source: :apt) do
  desc <<~DOC
    Packages of microservices, by apt, at exact versions: all that are to be installed in a run by one transaction.

    That is safe for these packages because they start nothing: a package that is unpacked before its turn changes nothing
    that runs. Where a version is not known yet, the index is fetched once for all of them; with `source`, the file in /etc/apt
    that names their repository, only that repository's.
  DOC

  has_feature :versionable, :install_options

  class << self
    def prefetch(packages)
      super
      # The packages of this catalog whose version is not there; nil after they were installed.
      @wanted = packages.values.reject { |package| satisfied?(package) }
      @source = packages.values.filter_map { |package| package[:source] }.first
    end

    # Install all that is wanted, unless this run has done so; what goes wrong with one is that one's own failure later.
    def install_wanted
      return if @wanted.nil?

      names = @wanted.to_h { |package| [package[:name], package[:ensure].to_s] }
      @wanted = nil
      refresh_index if names.any? { |name, version| !published(name).include?(version) }
      known = names.select { |name, version| published(name).include?(version) }
      apt_get(*known.map { |name, version| "#{name}=#{version}" }) if known.length > 1
    end

    # The versions of a package that the repositories of this node have.
    def published(name)
      output, = Open3.capture2e({ 'LC_ALL' => 'C.UTF-8' }, 'apt-cache', 'madison', name)
      output.lines.filter_map { |line| line.split('|')[1]&.strip if line.include?('|') }.uniq
    end

    def apt_get(*packages)
      command = ['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=120', '-o', 'DPkg::Options::=--force-confold',
                 '--allow-downgrades', '--no-install-recommends', 'install', *packages]
      output, status = run(*command)
      if !status.success? && output.include?('dpkg --configure -a')
        # A run that was killed has left packages half configured.
        run('dpkg', '--configure', '-a')
        output, status = run(*command)
      end
      [output, status.success?]
    end

    private

    def satisfied?(package)
      wanted = package[:ensure].to_s
      %w[absent purged].include?(wanted) || package.provider.properties[:ensure].to_s == wanted
    end

    def refresh_index
      only = @source ? ['-o', "Dir::Etc::sourcelist=#{@source}", '-o', 'Dir::Etc::sourceparts=-', '-o', 'APT::Get::List-Cleanup=0'] : []
      output, status = run('apt-get', 'update', '-qq', '-o', 'APT::Update::Error-Mode=any', '-o', 'DPkg::Lock::Timeout=120', *only)
      raise Puppet::Error, "the index of the apt repository can't be fetched: #{complaint(output)}" unless status.success?
    end

    def run(*command)
      environment = { 'DEBIAN_FRONTEND' => 'noninteractive', 'APT_LISTCHANGES_FRONTEND' => 'none', 'LC_ALL' => 'C.UTF-8' }
      Open3.capture2e(environment, *command)
    end

    def complaint(output)
      errors = output.lines.map(&:strip).grep(/\A(E|W|dpkg): /)
      (errors.empty? ? output.lines.last(3).map(&:strip) : errors.last(3)).join(' ')
    end
  end

  def install
    version = resource[:ensure].to_s
    self.class.install_wanted
    return if installed == version

    published = self.class.published(resource[:name])
    unless published.include?(version)
      have = published.empty? ? 'which has none of it' : "which has: #{published.join(' ')}"
      raise Puppet::Error, "#{resource[:name]} #{version} is in no apt repository of this node, #{have}. " \
                           'Publish it, or pin a published version in Hiera: flask_microservice::versions.'
    end
    output, done = self.class.apt_get("#{resource[:name]}=#{version}")
    raise Puppet::Error, "apt could not install #{resource[:name]} #{version}: #{self.class.send(:complaint, output)}" unless done
  end

  def update
    install
  end

  private

  # The version that dpkg has installed, empty if there is none.
  def installed
    output, = Open3.capture2('dpkg-query', '--show', '--showformat=${db:Status-Status} ${Version}', resource[:name], err: File::NULL)
    output.start_with?('installed ') ? output.delete_prefix('installed ') : ''
  end
end
