"""Falcon with its own CORS middleware, on the standard library's server.

Options: cors (on, off), origins.
"""

import logging
from wsgiref.simple_server import WSGIRequestHandler, make_server

import falcon

import serve

given = serve.options(cors="on", origins=serve.PAGE)
logging.disable(logging.CRITICAL)


class Items:
    def on_get(self, request, response):
        response.media = [{"id": 1, "name": "first"}]

    def on_post(self, request, response):
        response.status = 201
        response.media = {"id": 2}


class Moved:
    def on_get(self, request, response):
        raise falcon.HTTPMovedPermanently("/items/")


class Boom:
    def on_get(self, request, response):
        raise ValueError("a mistake in the app")


class Login:
    def on_post(self, request, response):
        response.set_cookie("session", "secret")
        raise falcon.HTTPSeeOther("/home/")


class Home:
    def on_get(self, request, response):
        response.content_type = "text/html"
        response.text = "<h1>home</h1>"


class Private:
    def on_get(self, request, response):
        if not request.auth:
            raise falcon.HTTPUnauthorized(challenges=["Bearer"])
        response.media = {"private": True}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


cors = falcon.CORSMiddleware(allow_origins=given["origins"].split(","))
app = falcon.App(middleware=[cors] if given["cors"] == "on" else [])
for path, resource in [
    ("/items/", Items()),
    ("/items", Moved()),
    ("/boom/", Boom()),
    ("/login/", Login()),
    ("/home/", Home()),
    ("/private/", Private()),
]:
    app.add_route(path, resource)
app.req_options.strip_url_path_trailing_slash = False
serve.live(make_server("127.0.0.1", 0, app, handler_class=Quiet))
