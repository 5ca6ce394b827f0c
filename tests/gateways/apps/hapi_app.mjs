// hapi with its own CORS settings.
//
// Options: cors (on, off), origins.

import { module, given as options, live } from './serve.mjs';

const given = options({ cors: 'on', origins: 'http://page.test' });
const cors = { origin: given.origins.split(','), additionalHeaders: ['x-token'] };
const routes = given.cors === 'on' ? { cors } : {};
const server = module('@hapi/hapi').server({ port: 0, host: '127.0.0.1', debug: false, routes });

const route = (method, path, handler) => server.route({ method, path, handler });
route('GET', '/items/', () => [{ id: 1, name: 'first' }]);
route('POST', '/items/', (request, h) => h.response({ id: 2 }).code(201));
route('GET', '/items', (request, h) => h.redirect('/items/').code(301));
route('GET', '/boom/', () => {
  throw new Error('a mistake in the app');
});
route('POST', '/login/', (request, h) => h.redirect('/home/').code(303));
route('GET', '/home/', () => '<h1>home</h1>');
route('GET', '/private/', (request, h) => h.response({ private: false }).code(401));

await server.start();
live(server.listener);
