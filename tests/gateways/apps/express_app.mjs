// Express with cors and serve-static.
//
// Options: cors (on, off), origins, credentials, headers. SETTING in the environment is run before
// the routes, or in the error handler where it speaks of a response.

import { createRequire } from 'node:module';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.MODULES, 'package.json'));
const express = require('express');
const cors = require('cors');

const given = {
  cors: 'on',
  origins: 'http://page.test',
  credentials: 'off',
  headers: 'x-token,content-type,authorization',
};
for (const argument of process.argv.slice(2)) {
  const [key, value] = argument.split('=');
  if (!(key in given)) {
    console.error(`${key} is no option; there are ${Object.keys(given).join(', ')}`);
    process.exit(1);
  }
  given[key] = value;
}

const app = express();
if (given.cors === 'on') {
  app.use(
    cors({
      origin: given.origins === '*' ? '*' : given.origins.split(','),
      credentials: given.credentials === 'on',
      allowedHeaders: given.headers.split(','),
    }),
  );
}
const setting = process.env.SETTING ?? '';
if (setting.startsWith('app.')) eval(setting);
app.use(express.json());

const items = [{ id: 1, name: 'first' }];
app.get('/items', (request, response) => response.json(items));
app.post('/items', (request, response) => response.status(201).json({ id: 2, ...request.body }));
app.get('/pages', (request, response) => {
  const next = `${request.protocol}://${request.get('host')}/pages?page=2`;
  response.json({ count: 2, next, previous: null, results: items });
});
app.get('/boom', () => {
  throw new Error('a mistake in the app');
});
app.post('/login', (request, response) => {
  response.cookie('session', 'secret', { httpOnly: true });
  response.redirect('home');
});
app.get('/torn', (request, response) => {
  response.set('Content-Length', '100').write('[{', () => response.socket.destroy());
});
app.get('/stalled', (request, response) => response.type('json').write('[{'));
app.get('/home', (request, response) => response.send('<h1>home</h1>'));
app.get('/poll', (request, response) => response.set('ETag', '"state-1"').json({ state: 1 }));
app.get('/private', (request, response) => {
  if (!request.headers.authorization) {
    response.status(401).set('WWW-Authenticate', 'Bearer').send('who are you?');
  } else {
    response.json({ private: true });
  }
});
const files = join(process.env.SCRATCH, 'public');
mkdirSync(join(files, 'docs'), { recursive: true });
writeFileSync(join(files, 'docs', 'index.html'), '<h1>docs</h1>');
app.use(express.static(files));

app.use((error, request, response, next) => {
  if (setting.startsWith('response.')) eval(setting);
  next(error);
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${server.address().port}`);
});
// It lives as long as the test that started it.
process.stdin.on('end', () => process.exit(0)).resume();
