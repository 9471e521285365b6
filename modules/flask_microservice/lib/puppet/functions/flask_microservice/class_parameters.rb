# frozen_string_literal: true

# @summary Gives parameters of the class that calls it other values in the catalog
#
# A catalog holds the parameters of its classes. `flask_microservice` gets the data of the whole fleet and its secrets, and a
# node is sent those of its own services. Variables of the class keep their values.
#
# @api private
Puppet::Functions.create_function(:'flask_microservice::class_parameters', Puppet::Functions::InternalFunction) do
  # @param values the parameters, with the values that the catalog is to have
  dispatch :replace do
    scope_param
    param 'Hash[String[1], Any]', :values
    return_type 'Undef'
  end

  def replace(scope, values)
    values.each { |name, value| scope.resource[name.to_sym] = value }
    nil
  end
end
