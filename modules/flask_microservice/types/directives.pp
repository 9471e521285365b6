# @summary Further directives of a service's unit: section => directive => value or values
#
# They come last in their section, so they win over the module's own: what a service needs more than others is opened by
# name, such as `{'Service' => {'ProtectHome' => 'read-only'}}`. What the module itself relies on can't be set.
#
# @see systemd.unit(5), systemd.service(5), systemd.exec(5)
type Flask_microservice::Directives = Struct[{
    Optional['Unit']    => Hash[Flask_microservice::Directive, Flask_microservice::Directive_value],
    Optional['Service'] => Hash[Flask_microservice::Directive, Flask_microservice::Directive_value],
}]
