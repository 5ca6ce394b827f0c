//! Allowing an origin, product by product: what several rules advise.

use super::Fix;

pub(in crate::diagnose) const DJANGO_CORS_HEADERS: Fix = Fix {
    product: "django-cors-headers",
    text: "CORS_ALLOWED_ORIGINS = [\"{origin}\"] (django-cors-headers)",
    source: "https://github.com/adamchainz/django-cors-headers#configuration",
};
pub(in crate::diagnose) const DJANGO: Fix = Fix {
    product: "Django",
    text: "install django-cors-headers, with CorsMiddleware at the top of MIDDLEWARE and CORS_ALLOWED_ORIGINS = [\"{origin}\"] (Django)",
    source: "https://github.com/adamchainz/django-cors-headers#setup",
};
pub(in crate::diagnose) const FASTAPI: Fix = Fix {
    product: "FastAPI",
    text: "app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"]) (FastAPI)",
    source: "https://fastapi.tiangolo.com/tutorial/cors/",
};
pub(in crate::diagnose) const STARLETTE: Fix = Fix {
    product: "Starlette",
    text: "app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"]) (FastAPI, Starlette)",
    source: "https://www.starlette.io/middleware/#corsmiddleware",
};
pub(in crate::diagnose) const WERKZEUG: Fix = Fix {
    product: "Werkzeug",
    text: "CORS(app, origins=[\"{origin}\"]) (flask-cors)",
    source: "https://flask-cors.readthedocs.io/en/latest/configuration.html",
};
pub(in crate::diagnose) const EXPRESS: Fix = Fix {
    product: "Express",
    text: "app.use(cors({ origin: \"{origin}\" })) before the routes (Express)",
    source: "https://expressjs.com/en/resources/middleware/cors.html",
};
