// Fastify with @fastify/cors.
//
// Options: cors (on, off), origins.

import { given, live, module } from './serve.mjs';

const options = given({ cors: 'on', origins: 'http://page.test' });
const app = module('fastify')();
if (options.cors === 'on') {
  app.register(module('@fastify/cors'), { origin: options.origins.split(',') });
}
app.register(async (app) => {
  app.get('/items/', async () => [{ id: 1, name: 'first' }]);
  app.get('/items', async (request, reply) => reply.redirect('/items/', 301));
  app.post('/items/', async (request, reply) => reply.code(201).send({ id: 2 }));
  app.get('/boom/', async () => {
    throw new Error('a mistake in the app');
  });
  app.post('/login/', async (request, reply) =>
    reply.header('Set-Cookie', 'session=secret; HttpOnly').redirect('/home/', 303),
  );
  app.get('/home/', async (request, reply) => reply.type('text/html').send('<h1>home</h1>'));
  app.get('/private/', async (request, reply) => {
    if (request.headers.authorization) return { private: true };
    return reply.code(401).header('WWW-Authenticate', 'Bearer').send('who are you?');
  });
});
await app.listen({ port: 0, host: '127.0.0.1' });
live(app.server);
