# frozen_string_literal: true

# @summary What PuppetDB answers, also where it does not
#
# The language can't go on after a function that fails, as `puppetdb_query` does where PuppetDB does not answer.
Puppet::Functions.create_function(:'profile::ask_puppetdb') do
  # @param queries queries in PQL, by any names
  # @return the rows of each, by the same names; what is wrong, if PuppetDB does not answer; undef where the server has none
  #
  # @example
  #   profile::ask_puppetdb({ 'nodes' => 'nodes[certname] {}' })  # { 'nodes' => [{ 'certname' => 'app1.example.org' }] }
  dispatch :ask do
    param 'Hash[String[1], String[1]]', :queries
    return_type 'Variant[Hash[String[1], Array], String[1], Undef]'
  end

  def ask(queries)
    return unless Puppet[:storeconfigs] && Puppet[:storeconfigs_backend].to_s == 'puppetdb'

    queries.transform_values { |query| call_function('puppetdb_query', query) }
  rescue StandardError => e
    "PuppetDB can't be asked: #{e.message.lines.first.to_s.strip}"
  end
end
