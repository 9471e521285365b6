# @summary What people with rights run on the Puppet server: questions to PuppetDB, deploys, publications
#
# @example
#   include profile::operators::server
#
# @see docs/operators.md
class profile::operators::server {
  profile::operators::program {
    'fleet-query':
      allowed => { 'read' => [''] },
      ;
    'fleet-answers':
      allowed => { 'read' => [''] },
      ;
    'fleet-deploy':
      allowed => { 'deploy' => 'any' },
      ;
    'fleet-publish':
      allowed => { 'read' => ['--list'], 'publish' => [''] },
      ;
  }
}
