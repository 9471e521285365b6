# frozen_string_literal: true

# Whether Puppet calls the change of a service's release corrective, where the last run left it serving and `flask-microservice
# status` now says ARGV[0]; with a second argument, where Puppet has written its config since.
require 'json'
require 'tmpdir'
$LOAD_PATH.unshift('/module/lib')
require 'puppet'

state, written = ARGV
release = Puppet::Type.type(:flask_microservice_release).new(name: 'orders', provider: :program)
provider = release.provider
provider.remember({ 'state' => state, 'release' => '1.0.0-1.aaaaaaaa' }, Time.now)
provider.define_singleton_method(:changed_since?) { |_time| !written.nil? }
property = release.property(:ensure)
event = property.event(previous_value: :outdated, desired_value: :serving)
event.calculate_corrective_change([:serving])
puts JSON.generate(event.corrective_change)
