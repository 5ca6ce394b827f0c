"""Flask with flask-cors, on Werkzeug's server.

Options: cors (on, off), origins, credentials, headers, proxy_fix, script (APPLICATION_ROOT as
a WSGI mount). SETTING in the environment is run once the app is there.
"""

import logging
import os

from flask import Flask, Response, jsonify, redirect, request, url_for
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import make_server

import serve

given = serve.options(
    cors="on",
    origins=serve.PAGE,
    credentials="off",
    headers="x-token,content-type,authorization",
    proxy_fix="off",
    script="",
)

logging.disable(logging.CRITICAL)
app = Flask(__name__)
if given["cors"] == "on":
    CORS(
        app,
        origins=given["origins"].split(","),
        supports_credentials=given["credentials"] == "on",
        allow_headers=given["headers"].split(","),
    )
if given["proxy_fix"] == "on":
    app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1, x_prefix=1)

if given["script"]:
    inner = app.wsgi_app

    def mounted(environ, start_response):
        environ["SCRIPT_NAME"] = given["script"]
        return inner(environ, start_response)

    app.wsgi_app = mounted

exec(os.environ.get("SETTING", ""))

ITEMS = [{"id": 1, "name": "first"}]


@app.get("/items/")
def items():
    return jsonify(ITEMS)


@app.post("/items/")
def create():
    return jsonify({"id": 2, "name": request.get_json().get("name")}), 201


@app.get("/pages/")
def pages():
    following = url_for("pages", _external=True, page=2)
    return jsonify({"count": 2, "next": following, "previous": None, "results": ITEMS})


@app.get("/boom/")
def boom():
    raise ValueError("a mistake in the app")


@app.post("/login/")
def login():
    response = redirect(url_for("home"))
    response.set_cookie("session", "secret", httponly=True)
    return response


@app.get("/home/")
def home():
    return "<h1>home</h1>"


@app.get("/poll/")
def poll():
    if request.headers.get("If-None-Match") == '"state-1"':
        return Response(status=304, headers={"ETag": '"state-1"'})
    response = jsonify({"state": 1})
    response.headers["ETag"] = '"state-1"'
    return response


@app.get("/private/")
def private():
    if "Authorization" not in request.headers:
        return Response("who are you?", 401, {"WWW-Authenticate": "Bearer"})
    return jsonify({"private": True})


serve.live(make_server("127.0.0.1", 0, app, threaded=True))
