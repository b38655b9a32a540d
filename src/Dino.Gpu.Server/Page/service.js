// The endpoints of the service, and what their refusals mean for a person.

const keyName = 'dino-api-key';

/** A request that was not answered as hoped. */
export class ServiceError extends Error {
  /**
   * @param {'key'|'busy'|'gone'|'absent'|'refused'} kind
   * @param {string} message What happened.
   * @param {{hint?: string, wait?: number}} more What to do, and for how many seconds to wait.
   */
  constructor(kind, message, { hint = '', wait = 0 } = {}) {
    super(message);
    this.kind = kind;
    this.hint = hint;
    this.wait = wait;
  }
}

/** The API key of this tab. */
export const apiKey = {
  get: () => sessionStorage.getItem(keyName),
  set: (key) => sessionStorage.setItem(keyName, key),
  forget: () => sessionStorage.removeItem(keyName),
};

let info = null;

/** What the server runs: its model, devices and index. Asked for once. */
export async function about() {
  info ??= await (await ask('info', {})).json();
  return info;
}

/** The attention maps of a picture, as .npy: (maps, rows, columns), the mean first. */
export async function attention(file, signal) {
  const request = { method: 'POST', body: file, headers: { Accept: 'application/x-npy' }, signal };
  return (await ask('attention?head=all', request)).arrayBuffer();
}

/** The nearest pictures of the index: their ids and cosines, the nearest first. */
export async function search(file, k, signal) {
  const answer = await ask(`v1/search?k=${k}`, { method: 'POST', body: file, signal });
  return (await answer.json()).data;
}

/** A picture of the index; null if the server has none to show. */
export async function indexedPicture(id, signal) {
  try {
    return (await about()).index.pictures ? await (await ask(`v1/index/${encodeURIComponent(id)}`, { signal })).blob() : null;
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure;
    return null;
  }
}

async function ask(path, request) {
  if (request.body?.size === 0) throw new ServiceError('refused', 'This file is empty', { hint: 'Choose one with a picture in it.' });
  const headers = new Headers(request.headers);
  if (request.body) headers.set('Content-Type', request.body.type || 'application/octet-stream');
  if (apiKey.get()) headers.set('Authorization', `Bearer ${utf8(apiKey.get())}`);
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), { ...request, headers, cache: 'no-store', redirect: 'error' });
  } catch (failure) {
    if (failure.name === 'AbortError') throw failure;
    throw new ServiceError('gone', 'The server does not answer', { hint: 'Is it still running?' });
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

// A header is made of bytes, one a character: fetch takes no other characters, and the server reads UTF-8.
const utf8 = (text) => String.fromCharCode(...new TextEncoder().encode(text));

async function refusal(answer) {
  const reason = await reasonOf(answer);
  switch (answer.status) {
    case 401:
    case 403:
      return new ServiceError('key', 'This server answers only with an API key');
    case 404:
    case 409:
      return new ServiceError('absent', 'The server does not offer this', { hint: reason });
    case 413:
      return new ServiceError('refused', 'The picture is larger than the server takes', { hint: reason });
    case 415:
    case 422:
      return new ServiceError('refused', 'The server cannot read this picture', { hint: reason });
    case 429:
      return new ServiceError('busy', 'The server is busy', { hint: reason, wait: waitOf(answer) });
    case 503:
      return new ServiceError('busy', 'The server is not ready', { hint: reason, wait: waitOf(answer) });
    default:
      return new ServiceError('refused', `The server failed, with status ${answer.status}`, { hint: reason });
  }
}

const waitOf = (answer) => Number(answer.headers.get('Retry-After')) || 1;

// {"error": {"message", "hint"}}, {"error": "..."}, or a problem document (RFC 9457).
async function reasonOf(answer) {
  try {
    const body = await answer.json();
    const error = typeof body.error === 'string' ? { message: body.error, hint: body.hint } : body.error ?? body;
    return [error.message ?? error.detail ?? error.title, error.hint].filter(Boolean).map(sentence).join('\n');
  } catch {
    return '';
  }
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);
