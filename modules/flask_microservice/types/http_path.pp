# @summary The path of a URL (RFC 3986, 3.3), without query: /health/ready
type Flask_microservice::Http_path = Pattern[/\A\/[A-Za-z0-9._~\/-]*\z/]
