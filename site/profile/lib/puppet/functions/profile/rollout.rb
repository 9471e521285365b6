# frozen_string_literal: true

require 'json'

# @summary The rollout that has given this node the commit which its catalog is compiled from
#
# It looks at the state of the Puppet server's own deploys. Wherever else a catalog is compiled, there is none.
Puppet::Functions.create_function(:'profile::rollout', Puppet::Functions::InternalFunction) do
  # @param answers the file in which deploys on the Puppet server say who is given what
  # @return its number; undef if no rollout is under way in the node's tier, or if it has not come to the node
  #
  # @example
  #   profile::rollout('/var/lib/puppet-deploys/answers.json')  # 7
  dispatch :of_node do
    scope_param
    param 'String[1]', :answers
    return_type 'Optional[Integer]'
  end

  def of_node(scope, answers)
    trusted = scope['trusted']
    rollout = JSON.parse(File.read(answers)).fetch('rollouts', {})[trusted['extensions'].to_h['pp_environment']]
    return unless rollout && rollout['nodes'].include?(trusted['certname'])

    # A node on trial has another commit, and leaves no trace of this one.
    rollout['number'] if rollout['environment'] == scope.compiler.environment.name.to_s
  rescue Errno::ENOENT
    nil
  end
end
