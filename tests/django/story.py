"""A Django REST Framework project in one file: the app of the story, for real.

`python story.py [PORT]` serves it on 127.0.0.1 with Django's development server and prints
`listening ADDRESS` once it does; it ends when its standard input closes. The environment says
which variant: STORY_DEBUG (on, off), STORY_CORS (before, after, off: where CorsMiddleware
stands against CommonMiddleware), STORY_ORIGINS (any, star, or a list with commas),
STORY_CREDENTIALS (off, on).
"""

import os
import sys
import threading

from django.conf import settings

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
CORS = "corsheaders.middleware.CorsMiddleware"
COMMON = MIDDLEWARE.index("django.middleware.common.CommonMiddleware")


def option(name, words):
    word = os.environ.get(name, words[0])
    if word not in words:
        sys.exit(f"{name} is {word!r}, it must be one of {', '.join(words)}")
    return word


match option("STORY_CORS", ["before", "after", "off"]):
    case "before":
        MIDDLEWARE.insert(COMMON, CORS)
    case "after":
        MIDDLEWARE.insert(COMMON + 1, CORS)

match os.environ.get("STORY_ORIGINS", "any"):
    case "any":
        origins = {"CORS_ALLOWED_ORIGIN_REGEXES": [r".*"]}
    case "star":
        origins = {"CORS_ALLOW_ALL_ORIGINS": True}
    case listed:
        origins = {"CORS_ALLOWED_ORIGINS": listed.split(",")}

settings.configure(
    DEBUG=option("STORY_DEBUG", ["on", "off"]) == "on",
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=MIDDLEWARE,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "corsheaders",
        "rest_framework",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    USE_TZ=True,
    CORS_ALLOW_HEADERS=[
        "accept",
        "authorization",
        "content-type",
        "user-agent",
        "x-csrftoken",
        "x-requested-with",
        "x-token",
    ],
    CORS_ALLOW_CREDENTIALS=option("STORY_CREDENTIALS", ["off", "on"]) == "on",
    **origins,
)

import django  # noqa: E402

django.setup()

from django.core.servers.basehttp import (  # noqa: E402
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

ITEMS = [{"id": 1, "name": "first"}]


class ItemSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=100)


class Items(APIView):
    def get(self, request):
        return Response(ITEMS)

    def post(self, request):
        serializer = ItemSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        item = {"id": len(ITEMS) + 1, "name": serializer.validated_data["name"]}
        ITEMS.append(item)
        return Response(item, status=201)


urlpatterns = [path("items/", Items.as_view())]



def serve(port):
    server = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler, ipv6=False)
    server.daemon_threads = True
    server.set_app(get_internal_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening 127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
