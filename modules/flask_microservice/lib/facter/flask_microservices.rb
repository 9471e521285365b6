# frozen_string_literal: true

require_relative '../puppet_x/flask_microservice/status'

# The microservices of the node, by name: which release serves, which one served before, whether it is ready, and
# whether Puppet's last catalog lacked the service.
# One process for all of them, which asks systemd once; it works while Facter looks for other facts.
Facter.add(:flask_microservices) do
  confine { File.executable?(PuppetX::FlaskMicroservice::PROGRAM) }
  PuppetX::FlaskMicroservice.ask_ahead

  setcode do
    known, = PuppetX::FlaskMicroservice.observe
    known.transform_values do |service|
      {
        'state' => service['state'],
        'version' => service['version'],
        'release' => service['release'],
        'previous' => service['kept'].first,
        'ready' => service['ready'],
        'draining' => service['draining'],
        'undeclared' => service['undeclared'] || false, # the program may be older than this fact
      }
    end
  end
end
