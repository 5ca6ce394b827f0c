// Koa with @koa/router and @koa/cors.
//
// Options: cors (on, off), origins.

import { given, live, module } from './serve.mjs';

const options = given({ cors: 'on', origins: 'http://page.test' });
const Koa = module('koa');
const Router = module('@koa/router');
const app = new Koa();
app.silent = true;
if (options.cors === 'on') {
  app.use(module('@koa/cors')({ origin: options.origins }));
}
const router = new Router();
router.get('/items/', (it) => (it.body = [{ id: 1, name: 'first' }]));
router.get('/docs', (it) => it.redirect('/items/'));
router.post('/items/', (it) => {
  it.status = 201;
  it.body = { id: 2 };
});
router.get('/boom/', () => {
  throw new Error('a mistake in the app');
});
router.post('/login/', (it) => {
  it.cookies.set('session', 'secret');
  it.redirect('/home/');
});
router.get('/home/', (it) => (it.body = '<h1>home</h1>'));
router.get('/private/', (it) => {
  if (it.get('Authorization')) it.body = { private: true };
  else it.throw(401, { headers: { 'WWW-Authenticate': 'Bearer' } });
});
app.use(router.routes()).use(router.allowedMethods());
const server = app.listen(0, '127.0.0.1', () => live(server));
