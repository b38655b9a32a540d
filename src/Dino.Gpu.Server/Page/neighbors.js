// The cards of the neighbors.

import { indexedPicture } from './service.js';

export class Neighbors {
  #list;
  #note;
  #look;
  #urls = [];
  #abort = new AbortController();

  /**
   * @param {HTMLElement} list Where the cards go.
   * @param {HTMLElement} note Where it is said why there are none.
   * @param {(name: string, picture: Blob) => void} look What choosing a card does.
   */
  constructor(list, note, look) {
    this.#list = list;
    this.#note = note;
    this.#look = look;
  }

  /** How many are shown. */
  count = 0;

  /** Empty cards, until the answer is there. */
  wait() {
    this.#clear();
    this.#list.className = 'waiting';
    this.#list.replaceChildren(...Array.from({ length: 4 }, () => {
      const item = document.createElement('li');
      item.append(document.createElement('figure'));
      item.setAttribute('aria-hidden', 'true');
      return item;
    }));
  }

  /** Says something instead of cards. */
  say(text) {
    this.#clear();
    this.#note.textContent = text;
    this.#note.hidden = text === '';
  }

  /** @param {{id: string, score: number}[]} results The nearest first. */
  show(results) {
    this.#clear();
    if (results.length === 0) {
      this.say('The index is empty.');
      return;
    }
    this.count = results.length;
    this.#list.replaceChildren(...results.map((result, i) => this.#card(result, i + 1)));
  }

  #clear() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    this.#list.className = '';
    this.#list.replaceChildren();
    this.#note.hidden = true;
    this.count = 0;
  }

  #card({ id, score }, rank) {
    const slash = Math.max(id.lastIndexOf('/'), id.lastIndexOf('\\')) + 1;
    const name = id.slice(slash);
    const missing = element('div', { className: 'missing', textContent: 'no picture' });
    const bar = element('i');
    bar.style.width = `${100 * Math.min(1, Math.max(0, score))}%`;
    const track = element('span', { className: 'bar' }, bar);
    track.setAttribute('aria-hidden', 'true');
    const caption = element('figcaption', {},
      element('span', { className: 'row' }, element('b', { textContent: rank }),
        element('span', { className: 'score', textContent: score.toFixed(4) }), track),
      ...(slash > 0 ? [element('small', { className: 'folder' }, element('bdi', { textContent: id.slice(0, slash) }))] : []),
      element('bdi', { className: 'label', textContent: name, title: id }));
    const figure = element('figure', {}, missing, caption);
    this.#fill(figure, missing, id, name);
    return element('li', {}, figure);
  }

  async #fill(figure, missing, id, name) {
    const { signal } = this.#abort;
    const blob = await indexedPicture(id, signal).catch(() => null);
    if (!blob || signal.aborted) return;
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    const picture = element('img', { src: url, alt: name });
    try {
      await picture.decode();
    } catch {
      return; // a format that this browser does not show
    }
    if (signal.aborted) return;
    picture.classList.toggle('small', Math.max(picture.naturalWidth, picture.naturalHeight) < 128);
    const look = element('button', { type: 'button', className: 'look', title: 'Look at this picture' }, picture);
    look.addEventListener('click', () => this.#look(name, blob));
    figure.replaceChild(look, missing);
  }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
