# frozen_string_literal: true

require 'json'

# The microservices of the node, by name: which release serves, which one served before, and whether it is ready.
# One process for all of them, which asks systemd once.
Facter.add(:flask_microservices) do
  confine { File.executable?('/usr/local/sbin/flask-microservice') }

  setcode do
    told = Facter::Core::Execution.execute('/usr/local/sbin/flask-microservice status --json', timeout: 30)
    JSON.parse(told).to_h do |service|
      [service['name'], {
        'state' => service['state'],
        'version' => service['version'],
        'release' => service['release'],
        'previous' => service['kept'].first,
        'ready' => service['ready'],
        'draining' => service['draining'],
      }]
    end
  end
end
