# frozen_string_literal: true

Puppet::Type.newtype(:flask_microservice_release) do
  @doc = <<~DOC
    @summary That a service runs the release that Puppet has declared for it

    What the release is, the files say that Puppet has written before: the service's unit and its config. Whether it
    serves, `flask-microservice status` says, once for all services of the node. Only where it does not, the program is
    called to switch, and what it refuses fails the resource with its reason.

    @example The release of the service orders
      flask_microservice_release { 'orders':
        ensure => serving,
      }
  DOC

  newparam(:name, namevar: true) do
    desc 'The name of the service.'
  end

  newparam(:drain) do
    desc 'For how many seconds the service drains before it is removed.'
    defaultto 0
    validate do |value|
      raise ArgumentError, "drain is a number of seconds, not #{value.inspect}" unless value.is_a?(Integer) && value >= 0
    end
  end

  newproperty(:ensure) do
    desc 'Whether the declared release serves, or the service has no release at all.'

    newvalue(:serving) { provider.switch }
    newvalue(:absent) { provider.remove }

    defaultto :serving

    def retrieve
      provider.state
    end

    def insync?(is)
      is == should
    end

    # Whether a change is the one that was declared, or puts right what nobody declared (a service that was stopped, say), which
    # Puppet calls corrective. It compares with the last run, after which each release served: an upgrade would be corrective,
    # and so the removal of a service that somebody has stopped or rolled back.
    def insync_values?(last, is)
      declared = should == :absent ? Array(last).none? { |each| each.to_s == 'absent' } : provider.declared_change?
      declared || super
    end

    def change_to_s(was, now)
      provider.change || "#{was}, should be #{now}"
    end
  end
end
