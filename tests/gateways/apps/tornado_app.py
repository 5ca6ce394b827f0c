"""Tornado, with slashes added by its decorator and CORS headers set by hand, as its users do.

Options: cors (on, off), origins.
"""

import asyncio
import logging
import sys

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

import serve

given = serve.options(cors="on", origins=serve.PAGE)
logging.disable(logging.CRITICAL)


class Base(tornado.web.RequestHandler):
    def set_default_headers(self):
        if given["cors"] == "on":
            self.set_header("Access-Control-Allow-Origin", given["origins"])
            self.set_header("Access-Control-Allow-Headers", "x-token, content-type, authorization")
            self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")

    def options(self):
        if given["cors"] == "off":
            raise tornado.web.HTTPError(405)
        self.set_status(204)


class Items(Base):
    @tornado.web.addslash
    def get(self):
        self.write({"items": [1]})

    def post(self):
        self.set_status(201)
        self.write({"id": 2})


class Boom(Base):
    def get(self):
        raise ValueError("a mistake in the app")


class Login(Base):
    def post(self):
        self.set_cookie("session", "secret")
        self.redirect("/home/")


class Home(Base):
    def get(self):
        self.write("<h1>home</h1>")


class Private(Base):
    def get(self):
        if "Authorization" not in self.request.headers:
            self.set_header("WWW-Authenticate", "Bearer")
            raise tornado.web.HTTPError(401)
        self.write({"private": True})


class Nothing(Base):
    def prepare(self):
        raise tornado.web.HTTPError(404)


async def main():
    routes = [
        (r"/items/?", Items),
        (r"/boom/", Boom),
        (r"/login/", Login),
        (r"/home/", Home),
        (r"/private/", Private),
    ]
    app = tornado.web.Application(routes, default_handler_class=Nothing)
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(app).add_sockets(sockets)
    serve.announce(sockets[0].getsockname()[1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
