// Runs in the page: makes one request as a case describes it, and resolves to what the script
// saw of it: { ok, status, ... } or { ok: false, error }.
export async function request(it) {
  const limit = it.timeout_ms ?? 8000;
  const failed = error => ({ ok: false, error: `${error.name}: ${error.message}` });
  const body = () => {
    const text = it.body ?? undefined;
    switch (text === undefined ? undefined : it.body_kind) {
      case 'formdata': { const form = new FormData(); form.append('a', text); return form; }
      case 'urlencoded': return new URLSearchParams({ a: text });
      case 'blob': return new Blob([text], { type: it.blob_type ?? '' });
      case 'arraybuffer': return new TextEncoder().encode(text).buffer;
      case 'stream': return new Blob([text]).stream();
      default: return text;
    }
  };
  const first = (target, good, bad) => new Promise(done => {
    target.addEventListener(good, () => done({ ok: true, event: good }));
    target.addEventListener(bad, () => done({ ok: false, error: `${bad} event` }));
    setTimeout(() => done({ ok: false, error: 'timeout' }), limit);
  });
  const pause = ms => new Promise(done => setTimeout(done, ms));

  const byFetch = async () => {
    const options = { signal: AbortSignal.timeout(limit) };
    for (const name of ['method', 'headers', 'credentials', 'mode', 'redirect', 'cache', 'keepalive', 'duplex', 'referrerPolicy'])
      if (it[name] != null) options[name] = it[name];
    if (it.body != null) options.body = body();
    const answer = await fetch(it.url, options);
    const saw = { ok: true, status: answer.status, type: answer.type };
    await answer.text().catch(error => { saw.body_error = error.message; });
    return saw;
  };
  const byXhr = () => new Promise(done => {
    const xhr = new XMLHttpRequest();
    xhr.open(it.method ?? 'GET', it.url);
    xhr.withCredentials = it.credentials === 'include';
    for (const [name, value] of Array.isArray(it.headers) ? it.headers : Object.entries(it.headers ?? {})) xhr.setRequestHeader(name, value);
    if (it.upload_listener) xhr.upload.addEventListener('progress', () => {});
    xhr.timeout = limit;
    xhr.onload = () => done({ ok: true, status: xhr.status });
    for (const name of ['error', 'timeout', 'abort']) xhr.addEventListener(name, () => done({ ok: false, error: `${name} event` }));
    xhr.send(body());
  });
  // The element's own attributes, `src` or `href` last: it starts to load with that.
  const byElement = (name, attributes) => {
    const element = document.createElement(name);
    if (it.crossorigin != null) element.crossOrigin = it.crossorigin;
    const loaded = first(element, 'load', 'error');
    Object.assign(element, attributes);
    document.head.append(element);
    return loaded;
  };
  const byEventSource = async () => {
    const source = new EventSource(it.url, { withCredentials: it.credentials === 'include' });
    const saw = await first(source, 'open', 'error');
    await pause(200);
    source.close();
    return saw;
  };
  const byBeacon = async () => {
    const queued = navigator.sendBeacon(it.url, body());
    await pause(500);
    return { ok: queued };
  };
  try {
    switch (it.api ?? 'fetch') {
      case 'fetch': return await byFetch();
      case 'xhr': return await byXhr();
      case 'img': return await byElement('img', { src: it.url });
      case 'script': return await byElement('script', { src: it.url });
      case 'module': return await byElement('script', { type: 'module', src: it.url });
      case 'style': return await byElement('link', { rel: 'stylesheet', href: it.url });
      case 'font': await new FontFace('F', `url(${it.url})`).load(); return { ok: true };
      case 'eventsource': return await byEventSource();
      case 'beacon': return await byBeacon();
    }
  } catch (error) { return failed(error); }
}
