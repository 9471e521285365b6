# frozen_string_literal: true

require 'fileutils'
require 'json'
require 'puppet'

# Which environment a node is in, as deploy-environment has written it down; and what each node was told, which a run of its
# agent is told from its beginning to its end.
module Deploys
  # What a node can't be told; whoever asks gets the message.
  class Error < Puppet::Error; end

  # The answers of one directory of state.
  class Answers
    RUN_SECONDS = 2 * 60 * 60 # no run of an agent lasts longer; deploys/given.py has the same number
    REMEMBERED = 8 # what a node was told last: a run, one by hand beside it, and what was restarted
    SEALED = /\Ac_\h{10}\z/
    CERTNAME = /\A[a-z0-9_][a-z0-9._-]*\z/

    def initialize(state = '/var/lib/puppet-deploys')
      @file = File.join(state, 'answers.json')
      @given = File.join(state, 'given')
    end

    # The environment of a node that asks in one. With the number of a run (the agent's transaction_uuid) it is the same for all
    # of the run.
    def environment(certname, tier, asked, run = nil)
      return asked if none_yet?(asked)

      told = run && given(certname).find { |entry| entry['run'] == run && recent?(entry) }
      return told['environment'] if told

      narrowest(certname, tier).tap { |environment| note(certname, environment, tier, run) if run }
    end

    # Whether a node may have files of an environment: the one that it is given, that of its last run, or of one under way.
    # Plugins are code that a node runs before it gets a catalog: of those under way it has them already.
    def may_read?(certname, tier, environment, plugins: false)
      return true if none_yet?(environment)

      entries = given(certname)
      told = plugins ? entries.first(1) : entries.first(1) + entries.select { |entry| recent?(entry) }
      told.any? { |entry| entry['environment'] == environment } || narrowest(certname, tier) == environment
    end

    # The answer that counts for a node at this moment.
    def narrowest(certname, tier)
      answers = read
      by_rank = [answers['nodes'][certname], of_rollout(answers, certname, tier), answers['tiers'][tier], answers['fleet']]
      found = by_rank.find { |answer| answer && holds?(answer) }
      found ? found['environment'] : raise(Error, "nothing is deployed on this server: run deploy-environment BRANCH there")
    end

    private

    # Before the fleet is given anything, as on a server whose r10k has put branches where they are served: there is nothing
    # to tell yet. Puppet Server itself makes an environment with nothing in it, which no node is ever to be in.
    def none_yet?(environment)
      return false if environment.match?(SEALED) || (File.exist?(@file) && read['fleet'])

      place = Puppet.lookup(:environments).get_conf(environment)&.path_to_env
      !place.nil? && (Dir.children(place) - ['manifests']).any?
    end

    def read
      JSON.parse(File.read(@file))
    rescue Errno::ENOENT
      raise Error, "nothing is deployed on this server (there is no #{@file}): run deploy-environment BRANCH there"
    rescue SystemCallError, JSON::ParserError => error
      raise Error, "#{@file} can't be read, and so no node is told its environment: #{error.message.lines.first.strip}"
    end

    # The rollout that is under way in a node's tier, if the node is one of those that its waves have come to. Files from before
    # there were rollouts say nothing of them.
    def of_rollout(answers, certname, tier)
      rollout = answers.fetch('rollouts', {})[tier]
      rollout if rollout && rollout['nodes'].include?(certname)
    end

    def holds?(answer)
      answer['until'].nil? || answer['until'] > Time.now.to_i
    end

    def recent?(entry)
      entry['at'] > Time.now.to_i - RUN_SECONDS
    end

    def given(certname)
      JSON.parse(File.read(given_file(certname)))
    rescue SystemCallError, JSON::ParserError
      []
    end

    # In one step: other instances of JRuby read it meanwhile. Where it can't be written, a run that is under way during a
    # deploy is told the new answer, and starts anew in it.
    def note(certname, environment, tier, run)
      entries = given(certname)
      entry = { environment: environment, run: run, at: Time.now.to_i, tier: tier }
      file = given_file(certname)
      new = "#{file}.#{run[/\A[\h-]+\z/]}.new"
      File.write(new, JSON.generate([entry, *entries.first(REMEMBERED - 1)]))
      File.rename(new, file)
    rescue SystemCallError => error
      Puppet.warning("#{file} can't be written: #{error.message}")
    end

    def given_file(certname)
      raise Error, "#{certname.inspect} is no certname" unless certname.match?(CERTNAME)

      File.join(@given, "#{certname}.json")
    end
  end

  class << self
    def answers
      @answers ||= Answers.new
    end

    # The tier of a node, as its signed certificate has it: that of the connection, or, for others, what the authority has signed.
    def tier(certname)
      trusted = Puppet.lookup(:trusted_information) { nil }
      trusted = trusted.to_h if trusted
      return trusted['extensions'].to_h['pp_environment'] if trusted && trusted['certname'] == certname

      of_certificate(File.join(Puppet[:signeddir], "#{certname}.pem"))
    end

    private

    def of_certificate(file)
      certificate = Puppet::SSL::Certificate.from_s(File.read(file))
      certificate.custom_extensions.find { |extension| extension['oid'] == 'pp_environment' }&.fetch('value')
    rescue SystemCallError, OpenSSL::OpenSSLError, NameError, ArgumentError
      nil # the authority is on another machine: the answer for the fleet counts
    end
  end

  # For the termini of files: what is in an environment goes to those nodes alone that are given it. For others it is not there,
  # as the agent says then.
  module GivenOnly
    PLUGINS = %w[plugins pluginfacts locales].freeze

    def authorized?(request)
      super && (request.environment.nil? || given?(request, request.environment.name.to_s))
    end

    private

    def given?(request, environment)
      node = request.node
      tier = Deploys.tier(node)
      plugins = PLUGINS.include?(request.key.split('/').first)
      return true if Deploys.answers.may_read?(node, tier, environment, plugins: plugins)

      raise Puppet::Network::HTTP::Error::HTTPNotFoundError.new(
        "#{node} is given environment #{Deploys.answers.narrowest(node, tier)} by this server, and no files of #{environment}",
        Puppet::Network::HTTP::Issues::ENVIRONMENT_NOT_FOUND
      )
    end
  end
end
