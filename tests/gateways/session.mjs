// A person's hour at a healthy site, in a few seconds: pages with their assets, a login, lists,
// writes, what is not there, polling, and a script that calls another origin.
//
//   node session.mjs chromium|firefox PROXY SITE API
import { launch } from '../browser/chromium.mjs';
import { start } from '../live/in-firefox.mjs';

const [name, proxy, site, api] = process.argv.slice(2);
const late = setTimeout(() => { console.error('session.mjs does not end'); process.exit(1); }, 90_000);
const browser = name === 'chromium' ? await inChromium() : await inFirefox();
try {
  await browser.goto(`${site}/app/`);
  await browser.run(work, api);
  await browser.run(submit);
  await until(() => location.pathname === '/home/');
  await browser.run(work, api);
  for (const path of ['/items', '/nothing/', '/app/', '/old/', '/app/']) await browser.goto(site + path);
  await browser.run(work, api);
  console.log(JSON.stringify({ browser: browser.version, at: await browser.run(async () => location.pathname) }));
} finally {
  await browser.close();
}
clearTimeout(late);
process.exit(0);

async function until(holds) {
  while (!(await browser.run(async text => eval(`(${text})()`), String(holds)).catch(() => false))) {
    await new Promise(done => setTimeout(done, 50));
  }
}

async function inChromium() {
  const browser = await launch({ proxy });
  const page = await browser.page();
  const run = (script, ...values) => page.run(script, ...values);
  return { version: browser.version, goto: page.goto, run, close: () => browser.close() };
}

async function inFirefox() {
  const browser = await start(proxy);
  const run = async (script, ...values) => {
    const { done, failed } = await browser.run(
      `const [values, end] = arguments; (${script})(...values).then(done => end({ done }), it => end({ failed: String(it) }));`, [values]);
    if (failed) throw new Error(failed);
    return done;
  };
  return { version: browser.version, goto: browser.goto, run, close: () => browser.close() };
}

// These run in the page.

async function submit() {
  setTimeout(() => document.forms[0].submit(), 0);
}

async function work(api) {
  const json = { 'Content-Type': 'application/json' };
  const asked = [
    ['/items/'], ['/items'], ['/items/?q=1&page=2'], ['/poll/'], ['/poll/'], ['/poll/'], ['/nothing/'], ['/private/'],
    ['/items/', { method: 'POST', headers: json, body: '{"name":"new"}' }],
    ['/items/', { method: 'HEAD' }],
    ['/login/', { method: 'POST' }],
    [api + '/items/'], [api + '/items'], [api + '/items/', { headers: { 'X-Token': 'a' } }],
    [api + '/items/', { headers: { 'X-Token': 'a' } }],
    [api + '/items/', { method: 'POST', headers: json, body: '{"name":"new"}', credentials: 'include' }],
    [api + '/poll/', { credentials: 'include' }], [api + '/poll/', { credentials: 'include' }],
    [api + '/nothing/'], [api + '/private/', { headers: { Authorization: 'Bearer a' } }],
    [api + '/items/', { mode: 'no-cors' }],
  ];
  const saw = [];
  for (const [url, options] of asked) saw.push((await fetch(url, options)).status);
  // And what a page asks for at once.
  await Promise.all([1, 2, 3, 4].map(it => fetch(`${api}/items/?n=${it}`, { headers: { 'X-Token': 'a' } })));
  const xhr = new XMLHttpRequest();
  xhr.open('GET', api + '/pages/');
  await new Promise((done, fail) => { xhr.onload = done; xhr.onerror = fail; xhr.send(); });
  return saw;
}
