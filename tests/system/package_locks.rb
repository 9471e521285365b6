# frozen_string_literal: true

# What the provider of microservices' packages does while somebody else holds one of apt's locks: for ARGV[0] seconds the lock of
# its lists is held, and the provider waits ARGV[1] seconds at most. Prints what comes of fetching the index.
require 'json'
$LOAD_PATH.unshift('/module/lib')
require 'puppet'

HOLD = <<~PYTHON
  import fcntl, sys, time
  handle = open("/var/lib/apt/lists/lock", "w")
  fcntl.lockf(handle, fcntl.LOCK_EX)
  print("held", flush=True)
  time.sleep(float(sys.argv[1]))
PYTHON

seconds, patience = ARGV
provider = Puppet::Type.type(:package).provider(:flask_microservice)
provider.define_singleton_method(:lock_seconds) { patience.to_i }
File.write('/tmp/none.list', '')
provider.instance_variable_set(:@source, '/tmp/none.list')
holder = IO.popen(['python3', '-c', HOLD, seconds])
holder.gets
begin
  provider.send(:refresh_index)
  told = 'fetched'
rescue Puppet::Error => error
  told = error.message
end
Process.kill(:KILL, holder.pid)
puts JSON.generate(told: told, holder: holder.pid)
