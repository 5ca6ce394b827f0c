# Rails (Action Pack alone) on Puma with rack-cors.
#
# Options: cors (on, off), origins. SETTING in the environment is a line of the configuration, or of
# config.ru.

require 'action_controller/railtie'
require 'rack/cors'
require_relative 'serve'

GIVEN = given('cors' => 'on', 'origins' => 'http://page.test')
SETTING = ENV.fetch('SETTING', '')

class App < Rails::Application
  config.eager_load = true
  config.logger = Logger.new(nil)
  config.secret_key_base = 'x' * 40
  config.hosts.clear
  config.consider_all_requests_local = false
  if GIVEN['cors'] == 'on'
    config.middleware.insert_before 0, Rack::Cors do
      allow do
        origins(*GIVEN['origins'].split(','))
        resource '*', headers: :any, methods: %i[get post options]
      end
    end
  end
  eval(SETTING) if SETTING.start_with?('config')
end

App.initialize!

class ItemsController < ActionController::API
  def index = render(json: [{ id: 1 }])
  def create = render(json: { id: 2 }, status: :created)
  def moved = redirect_to(items_path)
  def boom = raise('a mistake in the app')
  def home = render(plain: 'home')

  def login
    response.set_cookie(:session, 'secret')
    redirect_to('/home')
  end

  def private_page
    return render(json: { private: true }) if request.authorization
    response.set_header('WWW-Authenticate', 'Bearer')
    render(plain: 'who are you?', status: :unauthorized)
  end
end

App.routes.draw do
  get '/items', to: 'items#index'
  post '/items', to: 'items#create'
  get '/things', to: 'items#moved'
  get '/old', to: redirect('/items')
  get '/boom', to: 'items#boom'
  post '/login', to: 'items#login'
  get '/home', to: 'items#home'
  get '/private', to: 'items#private_page'
end

live(SETTING.start_with?('map') ? Rack::Builder.new { eval(SETTING) }.to_app : App)
