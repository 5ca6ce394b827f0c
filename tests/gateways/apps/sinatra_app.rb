# Sinatra on Puma with rack-cors.
#
# Options: cors (on, off), origins.

require 'json'
require 'sinatra/base'
require 'rack/cors'
require_relative 'serve'

GIVEN = given('cors' => 'on', 'origins' => 'http://page.test')

class App < Sinatra::Base
  set :environment, :production
  set :logging, false
  if GIVEN['cors'] == 'on'
    use Rack::Cors do
      allow do
        origins(*GIVEN['origins'].split(','))
        resource '*', headers: :any, methods: %i[get post options]
      end
    end
  end
  get('/items/') { [200, { 'content-type' => 'application/json' }, '[{"id":1}]'] }
  get('/items') { redirect '/items/', 301 }
  post('/items/') { [201, { 'content-type' => 'application/json' }, '{"id":2}'] }
  get('/boom/') { raise 'a mistake in the app' }
  post('/login/') { response.set_cookie('session', 'secret'); redirect '/home/' }
  get('/home/') { '<h1>home</h1>' }
  get('/private/') do
    halt 401, { 'www-authenticate' => 'Bearer' }, 'who are you?' unless env['HTTP_AUTHORIZATION']
    '{"private":true}'
  end
end

live(App)
