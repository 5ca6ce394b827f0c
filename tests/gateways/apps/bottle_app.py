"""Bottle, with CORS headers set in a hook, as its users do.

Options: cors (on, off), origins.
"""

import logging
from wsgiref.simple_server import WSGIRequestHandler, make_server

import bottle

import serve

given = serve.options(cors="on", origins=serve.PAGE)
logging.disable(logging.CRITICAL)
app = bottle.Bottle()


@app.get("/items/")
def items():
    return {"items": [{"id": 1, "name": "first"}]}


@app.post("/items/")
def create():
    bottle.response.status = 201
    return {"id": 2}


@app.get("/items")
def moved():
    bottle.redirect("/items/", 301)


@app.get("/boom/")
def boom():
    raise ValueError("a mistake in the app")


@app.post("/login/")
def login():
    bottle.redirect("/home/", 303)


@app.get("/home/")
def home():
    return "<h1>home</h1>"


@app.get("/private/")
def private():
    bottle.abort(401, "who are you?")


if given["cors"] == "on":

    @app.hook("after_request")
    def allow():
        bottle.response.set_header("Access-Control-Allow-Origin", given["origins"])
        bottle.response.set_header("Access-Control-Allow-Headers", "x-token, content-type")

    @app.route("/<path:path>", method="OPTIONS")
    def preflight(path):
        return ""


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


serve.live(make_server("127.0.0.1", 0, app, handler_class=Quiet))
