// A headless Chromium, spoken to over its debugging pipe: no packages, no free port needed.
// Chromium ends by itself when the pipe closes, so it never outlives this process.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-dev-shm-usage', '--remote-debugging-pipe'];

export async function launch({ proxy } = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'hopscope-chromium-'));
  // Chromium never proxies loopback unless it is told so.
  const through = proxy ? [`--proxy-server=${proxy}`, '--proxy-bypass-list=<-loopback>'] : [];
  const child = spawn(process.env.CHROMIUM ?? 'chromium', [...FLAGS, `--user-data-dir=${profile}`, ...through, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const ended = new Promise(done => { child.once('exit', done); child.once('error', done); });
  const session = connect(child.stdio[3], child.stdio[4], ended);
  const { product: version } = await session.call('Browser.getVersion');

  return {
    version,
    // A page with caches, cookies and sockets of its own. `onEvent(method, params)` gets what happens in it.
    async page(onEvent = () => {}) {
      const { browserContextId } = await session.call('Target.createBrowserContext');
      const { targetId } = await session.call('Target.createTarget', { url: 'about:blank', browserContextId });
      const { sessionId } = await session.call('Target.attachToTarget', { targetId, flatten: true });
      const call = (method, params) => session.call(method, params, sessionId);
      let loaded;
      session.listen(sessionId, (method, params) => {
        if (method === 'Page.loadEventFired') loaded?.();
        onEvent(method, params);
      });
      for (const domain of ['Page', 'Network', 'Runtime', 'Log', 'Audits']) await call(`${domain}.enable`);
      return {
        call,
        async goto(url) {
          const load = new Promise(done => { loaded = done; });
          const { errorText } = await call('Page.navigate', { url });
          if (errorText) throw new Error(`${url}: ${errorText}`);
          await load;
        },
        // Runs `script` in the page; a promise is awaited.
        async run(script, ...values) {
          const expression = `(${script})(...${JSON.stringify(values)})`;
          const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
          return result.value;
        },
        close: () => session.call('Target.disposeBrowserContext', { browserContextId }),
      };
    },
    async close() {
      session.call('Browser.close').catch(() => {});
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

// Messages are JSON, each ended by a zero byte.
function connect(out, input, ended) {
  const waiting = new Map(), listeners = new Map();
  let last = 0, text = '', gone = false;
  ended.then(() => {
    gone = true;
    for (const { fail } of waiting.values()) fail(new Error('Chromium ended; is it installed?'));
  });
  out.on('error', () => {});
  input.setEncoding('utf8').on('data', data => {
    const messages = (text + data).split('\0');
    text = messages.pop();
    for (const message of messages.map(it => JSON.parse(it))) {
      const { id, error, result, method, params, sessionId } = message;
      if (!id) { listeners.get(sessionId)?.(method, params); continue; }
      const { done, fail, name } = waiting.get(id);
      waiting.delete(id);
      if (error) fail(new Error(`${name}: ${error.message}`)); else done(result);
    }
  });
  return {
    listen: (sessionId, onEvent) => listeners.set(sessionId, onEvent),
    call: (method, params = {}, sessionId) => new Promise((done, fail) => {
      if (gone) return fail(new Error('Chromium ended; is it installed?'));
      waiting.set(++last, { done, fail, name: method });
      out.write(JSON.stringify({ id: last, method, params, sessionId }) + '\0');
    }),
  };
}
