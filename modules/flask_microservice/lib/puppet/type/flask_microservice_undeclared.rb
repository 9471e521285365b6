# frozen_string_literal: true

require_relative '../../puppet_x/flask_microservice/undeclared'

Puppet::Type.newtype(:flask_microservice_undeclared) do
  @doc = <<~DOC
    @summary A service that is on the node, and that Hiera does not declare any more

    It warns of the service in each run's report, notes it for `flask-microservice status`, and changes nothing.

    @example The service billing, whose declaration was deleted
      flask_microservice_undeclared { 'billing': }
  DOC

  newparam(:name, namevar: true) do
    desc 'The name of the service.'
  end

  newproperty(:told) do
    desc 'Always true: that the run has warned of the service.'

    newvalue(:true)
    defaultto :true

    def retrieve
      PuppetX::FlaskMicroservice::Undeclared.note(resource[:name])
      resource.warning(
        "service #{resource[:name]} runs, undeclared: declare it with 'ensure: absent' in flask_microservice::services to remove " \
        'it, or set flask_microservice::remove_undeclared'
      )
      :true
    end
  end
end
