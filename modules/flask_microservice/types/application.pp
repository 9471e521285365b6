# @summary A WSGI application, as gunicorn is told it: MODULE:NAME, or MODULE:FACTORY() for what a function returns
#
# What gunicorn takes (https://docs.gunicorn.org/en/stable/run.html), without the characters that mean something to systemd
# in a command line: `"`, `$`, `%` and the backslash.
#
# @example A module's variable; a factory with an argument
#   'httpbin:app'
#   'shop.wsgi:make_app(settings=\'/etc/shop/default_config.ini\')'
type Flask_microservice::Application = Pattern[
  /\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(\([A-Za-z0-9_.,=\/ '\[\]:-]*\))?\z/
]
