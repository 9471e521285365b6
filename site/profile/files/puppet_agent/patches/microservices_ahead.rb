# frozen_string_literal: true

module PuppetPatches
  # The microservices are asked how they are while the plugins are fetched: their fact takes longer than all others.
  module MicroservicesAhead
    class << self
      def ask
        file = File.join(Puppet[:plugindest], 'puppet_x', 'flask_microservice', 'status.rb')
        return unless File.file?(file)

        require file
        @loaded = file
        PuppetX::FlaskMicroservice.ask_ahead
      rescue StandardError, ScriptError
        forget # the plugins that are fetched now may be better ones
      end

      # What comes with new plugins is to load its own.
      def forget
        return unless $LOADED_FEATURES.delete(@loaded)

        PuppetX.send(:remove_const, :FlaskMicroservice) if defined?(PuppetX::FlaskMicroservice)
      end
    end

    # For the class that runs the agent.
    module Run
      def run(*)
        MicroservicesAhead.ask
        super
      end

      def download_plugins(*)
        super.tap { |changed| MicroservicesAhead.forget if Array(changed).any? }
      end
    end
  end

  # After the providers that have come with the plugins.
  define 'microservices_ahead', relies_on: %w[puppet/configurer.rb], needs: %w[plugin_providers] do
    Puppet::Configurer.prepend(MicroservicesAhead::Run)
  end
end
