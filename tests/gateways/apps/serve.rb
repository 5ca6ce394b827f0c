# What the Ruby apps share: options from the command line, and a life as long as their standard
# input is open, so that none outlives the test.

require 'puma'
require 'puma/server'
require 'puma/events'

# `key=value` arguments over defaults; an unknown key ends the program.
def given(defaults)
  ARGV.each do |argument|
    key, value = argument.split('=', 2)
    abort "#{key} is no option; there are #{defaults.keys.join(', ')}" unless defaults.key?(key)
    defaults[key] = value
  end
  ARGV.clear
  defaults
end

def live(app)
  server = Puma::Server.new(app, Puma::Events.strings)
  port = server.add_tcp_listener('127.0.0.1', 0).addr[1]
  server.run
  puts "listening 127.0.0.1:#{port}"
  $stdout.flush
  $stdin.read
end
