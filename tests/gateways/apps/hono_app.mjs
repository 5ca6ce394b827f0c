// Hono with its own middleware for CORS and slashes, on its Node server.
//
// Options: cors (on, off), origins.

import { given, live, module } from './serve.mjs';

const options = given({ cors: 'on', origins: 'http://page.test' });
const { Hono } = module('hono');
const { cors } = module('hono/cors');
const { appendTrailingSlash } = module('hono/trailing-slash');
const app = new Hono({ strict: true });
if (options.cors === 'on') app.use(cors({ origin: options.origins }));
app.use(appendTrailingSlash());
app.get('/items/', (it) => it.json([{ id: 1, name: 'first' }]));
app.post('/items/', (it) => it.json({ id: 2 }, 201));
app.get('/boom/', () => {
  throw new Error('a mistake in the app');
});
app.post('/login/', (it) => {
  it.header('Set-Cookie', 'session=secret; HttpOnly');
  return it.redirect('/home/');
});
app.get('/home/', (it) => it.html('<h1>home</h1>'));
app.get('/private/', (it) => {
  if (it.req.header('Authorization')) return it.json({ private: true });
  return it.text('who are you?', 401, { 'WWW-Authenticate': 'Bearer' });
});
const { serve } = module('@hono/node-server');
console.error = () => {};
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => live(server));
