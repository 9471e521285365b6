# @summary The name of a service: of its user, its units and, unless `package` names another, its Debian package
#
# A valid Debian package name (Debian Policy, 5.6.1) that a Python package and a Linux account can have too:
# lower-case words joined by single dashes, where a dash becomes an underscore in Python; 32 characters at most, as
# useradd(8) allows. `Flask_microservice::Service['orders']` gives /etc/orders, /opt/venvs/orders and so on.
type Flask_microservice::Name = Pattern[/\A(?=.{2,32}\z)[a-z][a-z0-9]*(-[a-z0-9]+)*\z/]
