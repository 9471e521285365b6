# @summary A name that no service can have, because something of the system has it
#
# `fleet new` refuses these as well, and those of `Flask_microservice::System_package`, of which a service's package can have none.
type Flask_microservice::System_name = Variant[
  Flask_microservice::System_account,
  Flask_microservice::System_unit,
  Flask_microservice::System_directory,
]
