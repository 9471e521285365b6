# frozen_string_literal: true

# @summary Which services run on a node, by `nodes` in their declarations
#
# A service without `nodes` runs on every node. Each entry of `nodes` is the name of a group, or a certname, which may be a
# pattern (`Flask_microservice::Node_pattern`). Patterns mean what they do in ClusterShell. Call it with `$trusted['certname']`: a
# fact is what a node says of itself.
#
# A node has few of the services of a fleet. So this looks at all of them, in Ruby, and nothing else does.
Puppet::Functions.create_function(:'flask_microservice::placement') do
  # @param services what `flask_microservice::services` declares
  # @param groups what `flask_microservice::groups` declares
  # @param certname the certname of the node
  # @return `here`: the declarations of the services that are placed on the node; `anywhere`: those that are placed on any node,
  #   since no group of theirs is empty; `problems`: what is wrong with the places, one sentence a problem
  #
  # @example A service on two nodes
  #   flask_microservice::placement({ 'billing' => { 'nodes' => ['pay[1-2].example.org'] } }, {}, 'pay2.example.org')['here']
  #   # { 'billing' => { 'nodes' => ['pay[1-2].example.org'] } }
  dispatch :place do
    param 'Hash[String, Hash]', :services
    param 'Hash[String, Array[String]]', :groups
    param 'String[1]', :certname
    return_type 'Struct[{ here => Hash, anywhere => Hash, problems => Array[String[1]] }]'
  end

  def place(services, groups, certname)
    faults = Hash.new { |known, pattern| known[pattern] = fault(pattern, certname) }
    matches = Hash.new { |known, pattern| known[pattern] = !faults[pattern] && match?(pattern, certname) }
    members = groups.transform_values { |patterns| patterns.any? { |pattern| matches[pattern] } }
    problems = problems_of_groups(groups, faults) + problems_of_services(services, groups, faults)

    placed = services.select { |_, its| its['nodes'] }
    elsewhere = placed.reject { |_, its| its['nodes'].any? { |each| members.fetch(each) { matches[each] } } }
    nowhere = placed.select { |_, its| its['nodes'].all? { |each| groups[each] == [] } }
    { 'here' => without(services, elsewhere), 'anywhere' => without(services, nowhere), 'problems' => problems }
  end

  def without(services, others)
    services.reject { |name, _| others.key?(name) }
  end

  def problems_of_groups(groups, faults)
    groups.flat_map do |group, patterns|
      wrong = patterns.select { |pattern| faults[pattern] }
      wrong.map { |pattern| "group #{group} has the node '#{pattern}', #{faults[pattern]}: mend it in flask_microservice::groups" }
    end
  end

  # Were an unknown group one without nodes, a misspelt name would take a service from all nodes that it runs on.
  def problems_of_services(services, groups, faults)
    wrong = Hash.new { |found, each| found[each] = [] }
    services.each do |service, its|
      (its['nodes'] || []).each { |each| wrong[each].push(service) if !groups.key?(each) && faults[each] }
    end
    wrong.map do |each, names|
      mend = "mend 'nodes' in flask_microservice::services (#{shortly(names)})"
      unless each.include?('[')
        mend = "declare the group in flask_microservice::groups (#{each}: [CERTNAME], or [] where it has no nodes), or #{mend}"
      end
      are = names.one? ? "service #{names[0]} is" : "services #{shortly(names)} are"
      "#{are} placed on '#{each}', #{faults[each]}: #{mend}"
    end
  end

  def shortly(names)
    names.length > 4 ? "#{names[0..2].join(', ')} and #{names.length - 3} others" : names.join(', ')
  end

  # Why a text can't be a certname or a pattern of some; nil if it can.
  def fault(pattern, certname)
    backward = ranges(pattern).find { |first, last,| first.to_i > last.to_i }
    return "whose range #{backward[0]}-#{backward[1]} runs backward" if backward

    uneven = ranges(pattern).find { |first, last,| padded?(first, last) && first.length != last.length }
    return "whose range #{uneven[0]}-#{uneven[1]} has a leading zero and numbers of different lengths" if uneven

    # Where nodes have names of one word, any word may be one.
    'which is neither a group nor a certname' unless pattern.match?(/[.*\[]/) || !certname.include?('.')
  end

  def match?(pattern, certname)
    return pattern == certname unless pattern.match?(/[*\[]/)

    tokens = pattern.scan(/\*|\[[^\]]*\]|[^*\[]+/)
    reached = tokens.reduce([0]) { |starts, token| starts.flat_map { |start| ends(token, certname, start) }.uniq }
    reached.include?(certname.length)
  end

  # The places up to which a token matches a certname from a start on.
  def ends(token, certname, start)
    case token[0]
    when '*' then (start..certname.length).to_a
    when '['
      digits = certname[start..][/\A\d+/].to_s
      (1..digits.length).select { |length| among?(digits[0, length], ranges(token)) }.map { |length| start + length }
    else certname[start..].start_with?(token) ? [start + token.length] : []
    end
  end

  # The first and last number, and the step, of each range; of a single number both are the same.
  def ranges(pattern)
    pattern.scan(/\[([^\]]*)\]/).flatten.flat_map { |list| list.split(',') }.map do |range|
      numbers, step = range.split('/')
      first, last = numbers.split('-')
      [first, last || first, (step || 1).to_i]
    end
  end

  def among?(digits, ranges)
    ranges.any? do |first, last, step|
      alike = padded?(first, last) ? digits.length == first.length : digits == digits.to_i.to_s
      alike && digits.to_i.between?(first.to_i, last.to_i) && ((digits.to_i - first.to_i) % step).zero?
    end
  end

  def padded?(first, last)
    [first, last].any? { |number| number.length > 1 && number.start_with?('0') }
  end
end
