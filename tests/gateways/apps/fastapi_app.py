"""FastAPI with Starlette's CORSMiddleware, on uvicorn.

Options: cors (on, off), origins, credentials, headers, root_path, proxy_headers, slashes.
SETTING in the environment is a line of the app, an argument of it, or uvicorn's command line.
"""

import asyncio
import os
import shlex
import socket
import sys

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, RedirectResponse

import serve

given = serve.options(
    cors="on",
    origins=serve.PAGE,
    credentials="off",
    headers="x-token,content-type,authorization",
    root_path="",
    proxy_headers="off",
    slashes="on",
)

setting = os.environ.get("SETTING", "")
arguments = {"root_path": given["root_path"], "redirect_slashes": given["slashes"] == "on"}
if setting.startswith(("root_path", "redirect_slashes")):
    exec(setting, {}, arguments)
if setting.startswith("uvicorn"):
    given["proxy_headers"] = "on" if "--proxy-headers" in shlex.split(setting) else "off"

app = FastAPI(**arguments)
if given["cors"] == "on":
    app.add_middleware(
        CORSMiddleware,
        allow_origins=given["origins"].split(","),
        allow_credentials=given["credentials"] == "on",
        allow_methods=["*"],
        allow_headers=given["headers"].split(","),
    )

ITEMS = [{"id": 1, "name": "first"}]


@app.get("/items/")
def items():
    return ITEMS


@app.post("/items/", status_code=201)
async def create(request: Request):
    return {"id": 2, "name": (await request.json()).get("name")}


@app.get("/pages/")
def pages(request: Request):
    following = str(request.url_for("pages").include_query_params(page=2))
    return {"count": 2, "next": following, "previous": None, "results": ITEMS}


@app.get("/boom/")
def boom():
    raise ValueError("a mistake in the app")


@app.post("/login/")
def login(request: Request):
    response = RedirectResponse(app.root_path + "/home/", status_code=303)
    response.set_cookie("session", "secret", httponly=True)
    return response


@app.get("/home/", response_class=HTMLResponse)
def home():
    return "<h1>home</h1>"


@app.get("/poll/")
def poll(request: Request, response: Response):
    if request.headers.get("if-none-match") == '"state-1"':
        return Response(status_code=304, headers={"ETag": '"state-1"'})
    response.headers["ETag"] = '"state-1"'
    return {"state": 1}


@app.get("/private/")
def private(request: Request):
    if "authorization" not in request.headers:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return {"private": True}


if "app." in setting or "app =" in setting:
    exec(setting)


async def main():
    bound = socket.create_server(("127.0.0.1", 0))
    trusted = "*" if given["proxy_headers"] == "on" else None
    config = uvicorn.Config(
        app,
        log_level="critical",
        proxy_headers=given["proxy_headers"] == "on",
        forwarded_allow_ips=trusted,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    # The socket listens already; what comes before the startup is over waits in its queue.
    serve.announce(bound.getsockname()[1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await running


asyncio.run(main())
