# @summary The value of one key of a service's config file
#
# One line without space at its ends: configparser would strip the space, and read what follows a line break as another
# key.
type Flask_microservice::Value = Variant[Pattern[/\A(\S([^\r\n\0]*\S)?)?\z/], Numeric, Boolean]
