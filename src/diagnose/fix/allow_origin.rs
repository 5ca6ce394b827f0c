//! Allowing an origin, product by product: what several rules advise.

use super::Fix;

/// For the layer that should send the header, app or gateway.
pub(in crate::diagnose) const FIXES: &[Fix] = &[
    Fix {
        product: "django-cors-headers",
        text: "`CORS_ALLOWED_ORIGINS = [\"{origin}\"]` in the settings (django-cors-headers)",
        source: "https://github.com/adamchainz/django-cors-headers#configuration",
    },
    Fix {
        product: "Django",
        text: "`CORS_ALLOWED_ORIGINS = [\"{origin}\"]` in the settings, with django-cors-headers installed and first: `MIDDLEWARE.insert(0, \"corsheaders.middleware.CorsMiddleware\")` (Django)",
        source: "https://github.com/adamchainz/django-cors-headers#setup",
    },
    Fix { product: "FastAPI", ..STARLETTE },
    STARLETTE,
    Fix { product: "Flask", ..WERKZEUG },
    WERKZEUG,
    Fix {
        product: "Express",
        text: "`app.use(cors({ origin: \"{origin}\" }));` before the routes (Express)",
        source: "https://expressjs.com/en/resources/middleware/cors.html",
    },
    Fix {
        product: "Fastify",
        text: "`app.register(cors, { origin: \"{origin}\" });` with @fastify/cors, before the routes (Fastify)",
        source: "https://github.com/fastify/fastify-cors#options",
    },
    Fix {
        product: "Spring",
        text: "`registry.addMapping(\"/**\").allowedOrigins(\"{origin}\");` in addCorsMappings of a WebMvcConfigurer (Spring)",
        source: "https://docs.spring.io/spring-framework/reference/web/webmvc-cors.html",
    },
    Fix {
        product: "Rails",
        text: "`config.middleware.insert_before(0, Rack::Cors) { allow { origins \"{origin}\"; resource \"*\", headers: :any, methods: :any } }` (Rails, rack-cors)",
        source: "https://github.com/cyu/rack-cors#rails-configuration",
    },
    Fix {
        product: "Laravel",
        text: "`'allowed_origins' => ['{origin}'],` in config/cors.php (Laravel)",
        source: "https://laravel.com/docs/routing#cors",
    },
    Fix {
        product: "gin",
        text: "`router.Use(cors.New(cors.Config{AllowOrigins: []string{\"{origin}\"}}))` before the routes (gin)",
        source: "https://github.com/gin-contrib/cors",
    },
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Origin {origin} always;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Origin \"{origin}\"` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Origin {origin}` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header Access-Control-Allow-Origin {origin}` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "Traefik",
        text: "`accessControlAllowOriginList: [\"{origin}\"]` in a headers middleware of the router (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/headers/#cors-headers",
    },
    Fix {
        product: "Envoy",
        text: "`allow_origin_string_match: [{ exact: \"{origin}\" }]` in the route's CorsPolicy, with the filter envoy.filters.http.cors (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter",
    },
    Fix {
        product: "Kong",
        text: "the cors plugin with `origins: [\"{origin}\"]` (Kong)",
        source: "https://developer.konghq.com/plugins/cors/",
    },
    Fix {
        product: "AWS API Gateway",
        text: "add Access-Control-Allow-Origin to the OPTIONS method's response (\"Enable CORS\"), or pass OPTIONS to the app, and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
    },
    Fix {
        product: "",
        text: "answer with `Access-Control-Allow-Origin: {origin}`, exactly so (scheme, host and port as the browser sends them, no slash at the end), and Vary: Origin, in one layer: the app, or the gateway before it, which may also pass the request on to the app",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

const STARLETTE: Fix = Fix {
    product: "Starlette",
    text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_methods=[\"*\"], allow_headers=[\"*\"])` (FastAPI, Starlette)",
    source: "https://www.starlette.io/middleware/#corsmiddleware",
};
const WERKZEUG: Fix = Fix {
    product: "Werkzeug",
    text: "`CORS(app, origins=[\"{origin}\"])` (flask-cors)",
    source: "https://flask-cors.readthedocs.io/en/latest/configuration.html",
};
