// The page: takes a picture, asks for its maps and its neighbors, and says at every moment how that stands.

import { about, apiKey, attention, search, ServiceError } from './service.js';
import { readMaps } from './maps.js';
import { Neighbors } from './neighbors.js';
import { pictureIsThere, say, showMaps, showOverlay, showPicture } from './view.js';

const neighborCount = 12;
const slowAfter = 3; // seconds
const mostTries = 6; // at a busy server
const longestWait = 30; // seconds between them

const at = (id) => document.getElementById(id);
const main = at('main');
const neighbors = new Neighbors(
  at('neighbors'), at('found-note'), (name, picture) => start(new File([picture], name, { type: picture.type })));

let run = null; // what is asked for now
let last = null; // the picture that was asked about last
let maps = [];

// A run: one picture, from its choice to the answers.

async function start(file) {
  stop();
  last = file;
  const self = { file, abort: new AbortController(), begin: performance.now(), waitsFor: '' };
  run = self;
  maps = [];
  main.dataset.state = 'busy';
  main.setAttribute('aria-busy', 'true');
  showPicture(file);
  at('found').hidden = false;
  neighbors.wait();
  say({ status: `Looking at ${file.name}`, busy: true });
  self.timer = setInterval(() => showPatience(self), 250);

  const { signal } = self.abort;
  const results = await Promise.allSettled([
    patiently(self, () => Promise.all([attention(file, signal), about(), pictureIsThere()])).then(([npy, info]) => {
      if (self !== run) return;
      maps = readMaps(npy);
      showMaps(maps, info);
    }),
    patiently(self, async () => ((await about()).index ? search(file, neighborCount, signal) : null)).then((found) => {
      if (self !== run) return;
      if (found) neighbors.show(found);
      else neighbors.say('No index is loaded. Start the server with --index FILE to see neighbors.');
    }),
  ]);
  if (self !== run) return; // another picture came, or it was canceled
  stop();
  showEnd(results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason));
}

function stop() {
  if (!run) return;
  clearInterval(run.timer);
  run.abort.abort();
  run = null;
  main.dataset.state = 'done';
  main.removeAttribute('aria-busy');
}

/** Calls, and calls again while the server is busy, as late as it asks for. */
async function patiently(self, call) {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (failure) {
      if (failure.kind !== 'busy' || tries === mostTries || self !== run) throw failure;
      self.waitsFor = `${failure.message}; trying again`;
      await new Promise((resume) => { setTimeout(resume, 1000 * Math.min(failure.wait, longestWait)); });
      self.waitsFor = '';
      if (self !== run) throw failure;
    }
  }
}

function showPatience(self) {
  const seconds = Math.floor((performance.now() - self.begin) / 1000);
  const text = self.waitsFor || 'The server is still working';
  if (self.waitsFor || seconds >= slowAfter) say({ status: text, seconds, cancel: true, busy: true });
}

function showEnd([failure]) {
  if (failure && neighbors.count === 0) at('found').hidden = true;
  if (!failure) {
    const found = neighbors.count > 0 ? ` and ${neighbors.count} neighbors` : '';
    say({ status: `${maps.length - 1} heads${found}` });
    greet(); // the server may have been gone when the page was opened
    return;
  }

  const retry = { key: 'Enter a key', gone: 'Try again', busy: 'Try again' };
  if (failure instanceof ServiceError) say({ error: failure.message, hint: failure.hint, again: retry[failure.kind] ?? '' });
  else say({ error: 'The answer of the server could not be read', hint: failure.message });
  if (failure.kind === 'key') askForKey();
}

// The API key.

function askForKey() {
  at('key-note').textContent = apiKey.get() ? 'The server refused this key.' : 'This server answers only with a key.';
  apiKey.forget();
  at('key-value').value = '';
  at('key').showModal();
}

at('key-form').addEventListener('submit', () => {
  apiKey.set(at('key-value').value.trim());
  greet();
  if (last) start(last);
});
at('key-cancel').addEventListener('click', () => at('key').close());

// How a picture comes: chosen, pasted or dropped.

function take(files) {
  if (files.length > 0 && !at('key').open) start(files[0]);
}

at('file').addEventListener('change', ({ target }) => {
  take(target.files);
  target.value = ''; // so that the same file can be chosen again
});
document.addEventListener('paste', ({ clipboardData }) => take(clipboardData.files));
for (const name of ['dragenter', 'dragover']) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    document.body.classList.add('dropping');
  });
}
document.addEventListener('dragleave', ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove('dropping'); // it left the window
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  take(event.dataTransfer.files);
});

at('maps').addEventListener('input', () => showOverlay(maps));
at('maps').addEventListener('submit', (event) => event.preventDefault());
at('again').addEventListener('click', () => (at('again').textContent === 'Enter a key' ? askForKey() : start(last)));
at('cancel').addEventListener('click', () => {
  stop();
  at('found').hidden = neighbors.count === 0;
  say({ status: 'Canceled' });
  at('file').focus();
});

async function greet() {
  try {
    const { model, devices, index } = await about();
    const searchable = index && `${index.count.toLocaleString('en')} pictures to search`;
    at('about').textContent = [model, ...devices, searchable].filter(Boolean).join(' \u00b7 ');
  } catch (failure) {
    if (failure.kind === 'gone') at('about').textContent = failure.message;
  }
}

greet();
