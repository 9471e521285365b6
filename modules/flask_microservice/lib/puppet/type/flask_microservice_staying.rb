# frozen_string_literal: true

require_relative '../../puppet_x/flask_microservice/undeclared'

Puppet::Type.newtype(:flask_microservice_staying) do
  @doc = <<~DOC
    @summary A service that is to leave the node, and stays for now: until it is served elsewhere, say

    It says so, and why, in each run's report, and changes nothing: the service serves on as it is.

    @example The service billing, which moves to another node
      flask_microservice_staying { 'billing':
        reason => 'app2.example.org does not serve it yet',
      }
  DOC

  newparam(:name, namevar: true) do
    desc 'The name of the service.'
  end

  newparam(:reason) do
    desc 'What it stays for, as a part of a sentence.'
  end

  newproperty(:told) do
    desc 'Always true: that the run has said that the service stays.'

    newvalue(:true)
    defaultto :true

    def retrieve
      PuppetX::FlaskMicroservice::Undeclared.forget(resource[:name])
      resource.notice("service #{resource[:name]} stays here for now: #{resource[:reason]}")
      :true
    end
  end
end
