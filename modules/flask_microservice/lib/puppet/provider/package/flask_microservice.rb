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
    # One dpkg-query for these packages. That of apt lists all there are, and asks apt which ones are marked besides.
    def prefetch(packages)
      known = observe(packages.keys)
      packages.each do |name, package|
        package.provider = new(known[name] || { name: name, ensure: :purged, status: 'missing', error: 'ok' })
      end
      # The packages of this catalog whose version is not there; nil after they were installed.
      @wanted = packages.values.reject { |package| satisfied?(package) }
      @source = packages.values.filter_map { |package| package[:source] }.first
    end

    # What dpkg knows of packages, by name.
    def observe(names)
      format = self::DPKG_QUERY_FORMAT_STRING.delete("'")
      output, = Open3.capture2('dpkg-query', '--show', "--showformat=#{format}", *names, err: File::NULL)
      output.lines.filter_map { |line| parse_line(line.chomp) }.to_h { |status| [status[:name], status] }
    end

    # Install all that is wanted, unless this run has done so; what goes wrong with one is that one's own failure later.
    def install_wanted
      return if @wanted.nil?

      names = @wanted.to_h { |package| [package[:name], package[:ensure].to_s] }
      @wanted = nil
      published = published(*names.keys)
      unless names.all? { |name, version| published[name].include?(version) }
        refresh_index
        published = published(*names.keys)
      end
      known = names.select { |name, version| published[name].include?(version) }
      apt_get(*known.map { |name, version| "#{name}=#{version}" }) if known.length > 1
    end

    # The versions of packages that the repositories of this node have, by name.
    def published(*names)
      output, = Open3.capture2e({ 'LC_ALL' => 'C.UTF-8' }, 'apt-cache', 'madison', *names)
      versions = output.lines.map { |line| line.split('|').map(&:strip) }.select { |fields| fields.length > 2 }
      Hash.new { [] }.merge(versions.group_by(&:first).transform_values { |found| found.map { |fields| fields[1] }.uniq })
    end

    def apt_get(*packages)
      command = ['apt-get', '-q', '-y', '-o', "DPkg::Lock::Timeout=#{lock_seconds}", '-o', 'DPkg::Options::=--force-confold',
                 '--allow-downgrades', '--no-install-recommends', 'install', *packages]
      output, status = run_unlocked(*command)
      if !status.success? && output.include?('dpkg --configure -a')
        # A run that was killed has left packages half configured.
        run('dpkg', '--configure', '-a')
        output, status = run_unlocked(*command)
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
      output, status = run_unlocked('apt-get', 'update', '-qq', '-o', 'APT::Update::Error-Mode=any', *only)
      raise Puppet::Error, "the index of the apt repository can't be fetched: #{complaint(output)}" unless status.success?
    end

    # For how long others may hold one of apt's locks.
    def lock_seconds
      120
    end

    # What apt says of a lock.
    def locked(output)
      output.match(/Could not get lock (?<file>\S+?)\.? .*?held by process (?<process>\d+ \([^)]*\))/)
    end

    # As often as somebody else holds a lock, for a limited time: apt waits for dpkg's only (DPkg::Lock::Timeout), not for
    # those of its lists and its downloads.
    def run_unlocked(*command)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + lock_seconds
      loop do
        output, status = run(*command)
        waited = Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
        return [output, status] if status.success? || waited || !locked(output)

        sleep 1
      end
    end

    def run(*command)
      environment = { 'DEBIAN_FRONTEND' => 'noninteractive', 'APT_LISTCHANGES_FRONTEND' => 'none', 'LC_ALL' => 'C.UTF-8' }
      Open3.capture2e(environment, *command)
    end

    def complaint(output)
      if (lock = locked(output))
        return "process #{lock[:process]} has held #{lock[:file]} for #{lock_seconds} seconds"
      end
      if output.include?('Held packages were changed')
        return "it is held at its version: 'apt-mark showhold' lists it, 'apt-mark unhold' lets go of it"
      end

      lines = output.lines.map(&:rstrip)
      unmet(lines) || lines.grep(/No space left on device|enough free space/).first&.strip || failures(lines)
    end

    # The dependencies that no repository has, which apt says before its errors.
    def unmet(lines)
      heading = lines.index('The following packages have unmet dependencies:')
      heading && "unmet dependencies: #{lines.drop(heading + 1).take_while { |line| line.start_with?(' ') }.map(&:strip).join(', ')}"
    end

    # The errors of apt and dpkg, each with the lines that belong to it; where there are none, warnings or the end.
    def failures(lines)
      told = lines.each_index.select { |at| lines[at].match?(/\A(E|dpkg): /) }.map { |at| whole(lines, at) }
      why = told.grep_v(/\AE: (Sub-process|Can not write log)/) # what apt says besides when dpkg has failed
      told = why unless why.empty?
      told = lines.grep(/\AW: /) if told.empty?
      (told.empty? ? lines : told).last(3).map(&:strip).join(' ')[0, 600]
    end

    # An error with its further lines and, where a script of a package failed, what that said last.
    def whole(lines, at)
      progress = /\A(Setting up|Unpacking|Preparing|Selecting|Processing|\(Reading) /
      script = lines[at].start_with?('dpkg: error processing package') && at.positive? && !lines[at - 1].match?(progress)
      further = lines.drop(at + 1).take_while { |line| line.start_with?(' ') }
      [*(lines[at - 1] if script), lines[at], *further].map(&:strip).join(' ')
    end
  end

  def install
    version = resource[:ensure].to_s
    self.class.install_wanted
    return if installed == version

    published = self.class.published(resource[:name])[resource[:name]]
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

  # Nothing is left to do: apt-get itself marks what it is told to install, where apt's provider runs apt-mark for each.
  def flush
    @property_hash.clear
  end

  private

  # The version that dpkg has installed, empty if there is none.
  def installed
    output, = Open3.capture2('dpkg-query', '--show', '--showformat=${db:Status-Status} ${Version}', resource[:name], err: File::NULL)
    output.start_with?('installed ') ? output.delete_prefix('installed ') : ''
  end
end
