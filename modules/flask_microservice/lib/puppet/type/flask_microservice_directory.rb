# frozen_string_literal: true

Puppet::Type.newtype(:flask_microservice_directory) do
  @doc = <<~DOC
    @summary That directories are gone which systemd has made for a service

    Only those go that are the service's alone: they belong to its account, or are below /etc and empty. What a Debian package has
    brought stays, and what another service of the node declares as well.

    @example The cache of the service orders
      flask_microservice_directory { 'orders /var/cache/shop':
        ensure  => absent,
        path    => '/var/cache/shop',
        account => 'orders',
      }
  DOC

  newparam(:name, namevar: true) do
    desc 'Any name.'
  end

  newparam(:path) do
    desc 'The path, or a pattern of paths, as `Dir.glob` of Ruby takes it.'
    validate do |value|
      raise ArgumentError, "path is absolute, not #{value.inspect}" unless value.is_a?(String) && value.match?(%r{\A(/[^/]+){2,}\z})
    end
  end

  newparam(:account) do
    desc 'The account of the service, which has its name.'
  end

  newproperty(:ensure) do
    desc 'That there are none.'

    newvalue(:absent) { provider.remove }
    newvalue(:present)

    defaultto :absent

    def retrieve
      provider.own.empty? ? :absent : :present
    end

    def change_to_s(*)
      "removed #{provider.removed.join(', ')}"
    end
  end
end
