# frozen_string_literal: true

module PuppetPatches
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

  define 'received_catalog',
         relies_on: %w[puppet/configurer.rb puppet/resource/catalog.rb puppet/network/formats.rb puppet/indirector/json.rb] do
    Puppet::Resource::Catalog.prepend(ReceivedCatalog)
    Puppet::Resource::Catalog.singleton_class.prepend(ReceivedCatalog::Copies)
    Puppet::Network::FormatHandler.format(:rich_data_json).singleton_class.prepend(ReceivedCatalog::Format)
  end
end
