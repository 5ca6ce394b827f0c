"""Django, Django REST Framework and django-cors-headers.

Options: debug, cors (before, after, off: where CorsMiddleware stands against CommonMiddleware),
origins, credentials, headers, methods, script (FORCE_SCRIPT_NAME), forwarded_host, secure_proxy.
SETTING in the environment is run among the settings.
"""

import os

from django.conf import settings

import serve

given = serve.options(
    debug="off",
    cors="before",
    origins=serve.PAGE,
    credentials="off",
    headers="x-token",
    methods="",
    script="",
    forwarded_host="off",
    secure_proxy="off",
)

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if given["cors"] != "off":
    MIDDLEWARE.insert(3 if given["cors"] == "after" else 2, "corsheaders.middleware.CorsMiddleware")

extra = {}
if given["origins"] == "*":
    extra["CORS_ALLOW_ALL_ORIGINS"] = True
else:
    extra["CORS_ALLOWED_ORIGINS"] = given["origins"].split(",")
if given["script"]:
    extra["FORCE_SCRIPT_NAME"] = given["script"]
if given["secure_proxy"] == "on":
    extra["SECURE_PROXY_SSL_HEADER"] = ("HTTP_X_FORWARDED_PROTO", "https")

from corsheaders.defaults import default_headers, default_methods  # noqa: E402

SETTINGS = dict(
    DEBUG=given["debug"] == "on",
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=MIDDLEWARE,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "corsheaders",
        "rest_framework",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    USE_TZ=True,
    USE_X_FORWARDED_HOST=given["forwarded_host"] == "on",
    CORS_ALLOW_CREDENTIALS=given["credentials"] == "on",
    CORS_ALLOW_HEADERS=[*default_headers, *given["headers"].split(",")],
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
    },
    **extra,
)
if given["methods"]:
    SETTINGS["CORS_ALLOW_METHODS"] = given["methods"].split(",")
exec(os.environ.get("SETTING", ""), globals(), SETTINGS)
settings.configure(**SETTINGS)

import django  # noqa: E402

django.setup()

from django.core.servers.basehttp import (  # noqa: E402
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse  # noqa: E402
from django.urls import path, reverse  # noqa: E402
from django.views.decorators.http import etag  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

ITEMS = [{"id": 1, "name": "first"}]


class Items(APIView):
    def get(self, request):
        return Response(ITEMS)

    def post(self, request):
        return Response({"id": 2, "name": request.data.get("name")}, status=201)


class Pages(APIView):
    def get(self, request):
        following = request.build_absolute_uri(reverse("pages")) + "?page=2"
        return Response({"count": 2, "next": following, "previous": None, "results": ITEMS})


def boom(request):
    raise ValueError("a mistake in the app")


def login(request):
    response = HttpResponseRedirect(reverse("home"))
    response.set_cookie("session", "secret", httponly=True)
    return response


@etag(lambda request: '"state-1"')
def poll(request):
    return JsonResponse({"state": 1})


def private(request):
    if "Authorization" not in request.headers:
        return HttpResponse("who are you?", status=401, headers={"WWW-Authenticate": "Bearer"})
    return JsonResponse({"private": True})


PAGE = """<!doctype html><title>app</title><link rel=stylesheet href=/assets/app.css>
<script src=/assets/app.js defer></script><img src=/assets/logo.svg alt=logo>
<form action=/login/ method=post><button>log in</button></form>"""
ASSETS = {
    "app.css": ("text/css", "body { background: url(/assets/logo.svg) }"),
    "app.js": ("text/javascript", "document.title = 'ready'"),
    "logo.svg": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
}


@etag(lambda request, name: f'"{name}"')
def asset(request, name):
    kind, text = ASSETS[name]
    return HttpResponse(text, content_type=kind)


urlpatterns = [
    path("app/", lambda request: HttpResponse(PAGE)),
    path("old/", lambda request: HttpResponseRedirect("/app/")),
    path("assets/<name>", asset),
    path("items/", Items.as_view()),
    path("pages/", Pages.as_view(), name="pages"),
    path("boom/", boom),
    path("login/", login),
    path("home/", lambda request: HttpResponse("<h1>home</h1>"), name="home"),
    path("poll/", poll),
    path("private/", private),
]

if __name__ == "__main__":
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler, ipv6=False)
    server.daemon_threads = True
    server.set_app(get_internal_wsgi_application())
    serve.live(server)
