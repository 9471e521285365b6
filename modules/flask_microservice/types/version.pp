# @summary One exact version of a Debian package, such as 1.4.2-1
#
# Debian Policy, 5.6.12: `[epoch:]upstream[-revision]`. Words such as `latest` and ranges such as `>= 1.0` are refused:
# with them the same catalog would mean another release tomorrow.
# In YAML, quote it: an unquoted 1.10 is the number 1.1.
type Flask_microservice::Version = Pattern[/\A([0-9]+:)?[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)*\z/]
