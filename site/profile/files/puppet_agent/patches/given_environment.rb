# frozen_string_literal: true

module PuppetPatches
  # The server is asked which environment the node is in before any plugin is fetched. Puppet begins where the last run ended
  # and, where the server has moved the node since, starts anew with what it has loaded from there. Where the server can't be
  # asked, it is the environment of the last run: that of the catalog that is kept.
  module GivenEnvironment
    def run(options = {})
      @options = options
      super
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
  end

  define('given_environment', relies_on: %w[puppet/configurer.rb]) { Puppet::Configurer.prepend(GivenEnvironment) }
end
