# @summary A text as it can stand in any part of a URL (RFC 3986, 2.1)
#
# @param text the text; letters beyond ASCII stay as they are
# @return the text with each ASCII character that could mean something in a URL as `%XX`
#
# @example A password in a URL
#   flask_microservice::percent_encode('a/b@c')  # a%2Fb%40c
function flask_microservice::percent_encode(String $text) >> String {
  $codes = {
    "\t" => '%09', ' ' => '%20', '!' => '%21', '"' => '%22', '#' => '%23', '$' => '%24', '%' => '%25', '&' => '%26',
    "'" => '%27', '(' => '%28', ')' => '%29', '*' => '%2A', '+' => '%2B', ',' => '%2C', '/' => '%2F', ':' => '%3A',
    ';' => '%3B', '<' => '%3C', '=' => '%3D', '>' => '%3E', '?' => '%3F', '@' => '%40', '[' => '%5B', '\\' => '%5C',
    ']' => '%5D', '^' => '%5E', '`' => '%60', '{' => '%7B', '|' => '%7C', '}' => '%7D',
  }
  $text.split('').map |$character| { $codes[$character].lest || { $character } }.join
}
