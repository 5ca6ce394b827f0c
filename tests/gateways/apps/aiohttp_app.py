"""aiohttp with its own middleware for slashes, and aiohttp-cors.

Options: cors (on, off), origins.
"""

import asyncio
import sys

import aiohttp_cors
from aiohttp import web

import serve

given = serve.options(cors="on", origins=serve.PAGE)

ITEMS = [{"id": 1, "name": "first"}]


async def items(request):
    return web.json_response(ITEMS)


async def create(request):
    return web.json_response({"id": 2, **await request.json()}, status=201)


async def boom(request):
    raise ValueError("a mistake in the app")


async def login(request):
    response = web.HTTPFound("/home/")
    response.set_cookie("session", "secret", httponly=True)
    raise response


async def home(request):
    return web.Response(text="<h1>home</h1>", content_type="text/html")


async def private(request):
    if "Authorization" not in request.headers:
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
    return web.json_response({"private": True})


async def main():
    app = web.Application(middlewares=[web.normalize_path_middleware(append_slash=True)])
    rule = aiohttp_cors.ResourceOptions(allow_headers=["x-token", "content-type", "authorization"])
    origins = {it: rule for it in given["origins"].split(",")}
    cors = aiohttp_cors.setup(app) if given["cors"] == "on" else None
    for path, method, handler in [
        ("/items/", "GET", items),
        ("/items/", "POST", create),
        ("/boom/", "GET", boom),
        ("/login/", "POST", login),
        ("/home/", "GET", home),
        ("/private/", "GET", private),
    ]:
        route = app.router.add_route(method, path, handler)
        if cors:
            cors.add(route, origins)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serve.announce(runner.addresses[0][1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
