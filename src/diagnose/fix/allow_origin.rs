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
        product: "WebFlux",
        text: "`spring.cloud.gateway.globalcors.cors-configurations.[/**].allowed-origins={origin}`, or addCorsMappings of a WebFluxConfigurer (Spring WebFlux)",
        source: "https://docs.spring.io/spring-cloud-gateway/reference/spring-cloud-gateway/cors-configuration.html",
    },
    Fix {
        product: "ASP.NET Core",
        text: "`app.UseCors(it => it.WithOrigins(\"{origin}\").AllowAnyMethod().AllowAnyHeader());` before the endpoints (ASP.NET Core)",
        source: "https://learn.microsoft.com/en-us/aspnet/core/security/cors",
    },
    Fix {
        product: "NestJS",
        text: "`app.enableCors({ origin: \"{origin}\" });` before listen (NestJS)",
        source: "https://docs.nestjs.com/security/cors",
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
        product: "AWS API Gateway (HTTP)",
        text: "put {origin} into AllowOrigins of the HTTP API's CORS settings, exactly so; once they are set, what the app sends of CORS does not count",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    },
    Fix {
        product: "AWS Lambda function URL",
        text: "put {origin} into AllowOrigins of the function URL's CORS settings, and let the function send none itself",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html",
    },
    Fix {
        product: "AWS API Gateway (REST)",
        text: "with a proxy integration the app or function itself sends Access-Control-Allow-Origin: {origin}; for OPTIONS, add it to the OPTIONS method's response (\"Enable CORS\") or pass OPTIONS to the app; and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
    },
    Fix {
        product: "Amazon S3",
        text: "`\"AllowedOrigins\": [\"{origin}\"]` in the bucket's CORS configuration (Amazon S3)",
        source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html",
    },
    Fix {
        product: "Google Cloud Storage",
        text: "`\"origin\": [\"{origin}\"]` in the bucket's CORS configuration (Google Cloud Storage)",
        source: "https://cloud.google.com/storage/docs/cross-origin",
    },
    Fix {
        product: "Azure Storage",
        text: "a CORS rule of the storage account with the origin {origin} (Azure Storage)",
        source: "https://learn.microsoft.com/en-us/rest/api/storageservices/cross-origin-resource-sharing--cors--support-for-the-azure-storage-services",
    },
    Fix {
        product: "IIS",
        text: "`<remove name=\"OPTIONSVerbHandler\" />` in the handlers of web.config, so that the app answers OPTIONS; or the IIS CORS module with {origin} (IIS)",
        source: "https://learn.microsoft.com/en-us/iis/extensions/cors-module/cors-module-configuration-reference",
    },
    Fix {
        product: "",
        text: "answer with `Access-Control-Allow-Origin: {origin}`, exactly so (scheme, host and port as the browser sends them, no slash at the end), and Vary: Origin, in one layer: the app, or the gateway before it, which may also pass the request on to the app",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

/// For a page whose origin is `null`, which anybody's page can have.
pub(in crate::diagnose) const FIXES_OF_NULL: &[Fix] = &[Fix {
    product: "",
    text: "serve the page from an http or https address: a file, a data: URL and a sandboxed frame without allow-same-origin have the origin null. To allow null is to allow anybody; for public data without credentials, `Access-Control-Allow-Origin: *` does",
    source: "https://html.spec.whatwg.org/multipage/browsers.html#concept-origin-opaque",
}];

/// For a request whose origin a redirect made `null`.
pub(in crate::diagnose) const FIXES_OF_TAINTED: &[Fix] = &[Fix {
    product: "",
    text: "ask for this address itself, so that no redirect makes the origin null; or answer with `Access-Control-Allow-Origin: *` (without credentials)",
    source: "https://fetch.spec.whatwg.org/#concept-request-tainted-origin",
}];

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
