# @summary The name of a section, or of a key in it, of a service's config file
#
# Lower case, since Python's configparser folds the case of keys: `Level` and `level` would be one key given twice.
type Flask_microservice::Key = Pattern[/\A[a-z][a-z0-9_.-]*\z/]
