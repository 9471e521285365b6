# frozen_string_literal: true

# Whether Puppet calls the change of a service's release corrective, where the last run left it serving and `flask-microservice
# status` now says ARGV[0]; with `written`, where Puppet has written its config since; with `removed` or `gone`, where it is declared
# absent, which it was not or was in the last run.
require 'json'
require 'tmpdir'
$LOAD_PATH.unshift('/module/lib')
require 'puppet'

state, since = ARGV
removed = %w[removed gone].include?(since)
release = Puppet::Type.type(:flask_microservice_release).new(
  name: 'orders', provider: :program, ensure: removed ? :absent : :serving
)
provider = release.provider
provider.remember({ 'state' => state, 'release' => '1.0.0-1.aaaaaaaa' }, Time.now)
provider.define_singleton_method(:changed_since?) { |_time| since == 'written' }
property = release.property(:ensure)
event = property.event(previous_value: :outdated, desired_value: release[:ensure])
event.calculate_corrective_change([since == 'gone' ? :absent : :serving])
puts JSON.generate(event.corrective_change)
