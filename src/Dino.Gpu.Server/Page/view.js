// What the left column shows: the picture, what is going on, and the attention over it.

import { cropOf, paint } from './maps.js';

const at = (id) => document.getElementById(id);
const fewPixels = 128; // a smaller picture is enlarged, and keeps its squares

/** Shows a picture that was chosen; its maps are not there yet. */
export function showPicture(file) {
  const picture = at('picture');
  URL.revokeObjectURL(picture.src);
  at('stage').classList.remove('unseen');
  picture.onload = () => {
    const { naturalWidth: width, naturalHeight: height } = picture;
    const isSmall = Math.max(width, height) < fewPixels;
    picture.classList.toggle('small', isSmall);
    picture.width = isSmall ? width * Math.floor(256 / Math.max(width, height)) : width;
    at('facts').textContent = `${width}\u00d7${height}, ${size(file.size)}`;
  };
  picture.onerror = () => at('stage').classList.add('unseen'); // the server may read what this browser cannot
  picture.src = URL.createObjectURL(file);
  picture.alt = file.name;
  at('name').textContent = file.name;
  at('facts').textContent = size(file.size);
  at('stage').hidden = false;
  at('overlay').hidden = true;
  at('maps').hidden = true;
  at('file').labels[0].textContent = 'Choose another';
}

/** Resolves once the picture is drawn, or cannot be. */
export const pictureIsThere = () => at('picture').decode().catch(() => {});

/** Says one thing below the picture; the live regions read it out. */
export function say({ status = '', seconds = null, error = '', hint = '', again = '', cancel = false, busy = false }) {
  at('stage').classList.toggle('failed', error !== '');
  set('status', status);
  set('seconds', seconds === null ? '' : `, ${seconds} s so far`);
  set('error', error);
  set('hint', hint);
  set('again', again);
  at('again').hidden = again === '';
  at('cancel').hidden = !cancel;
  at('progress').hidden = !busy;
}

/**
 * The picture and its maps, as radio buttons. The choice stays from one picture to the next.
 * @param maps As `readMaps` gives them.
 * @param info What the server says of its model: it may see only the middle of the picture.
 */
export function showMaps(maps, info) {
  const heads = at('heads');
  const chosen = at('maps').elements.map?.value ?? 'mean'; // a fieldset's elements would give the first button, chosen or not
  const picture = at('picture');
  if (picture.naturalWidth) place(at('overlay'), cropOf(info, picture.naturalWidth, picture.naturalHeight));
  const tiles = [{ name: 'picture' }, ...maps].map((map) => tile(map));
  heads.replaceChildren(heads.firstElementChild, ...tiles);
  const inputs = [...heads.elements];
  (inputs.find((input) => input.value === chosen) ?? inputs[1]).checked = true;
  at('maps').hidden = false;
  showOverlay(maps);
}

/** Lays the chosen map over the picture. */
export function showOverlay(maps) {
  const map = maps.find(({ name }) => name === at('maps').elements.map?.value);
  const isUnseen = at('stage').classList.contains('unseen');
  const strength = at('strength');
  strength.disabled = !map || isUnseen;
  at('strength-value').textContent = `${strength.value} %`;
  const overlay = at('overlay');
  overlay.hidden = !map;
  if (!map) return;
  paint(overlay, map);
  overlay.style.opacity = isUnseen ? '1' : String(strength.value / 100);
  overlay.setAttribute('aria-label', `Attention, ${map.name}: ${map.rows} by ${map.columns} patches`);
}

function tile(map) {
  const picture = at('picture');
  const canvas = document.createElement('canvas');
  if (map.values) paint(canvas, map);
  else if (picture.naturalWidth) thumbnail(canvas, picture);
  if (picture.naturalWidth) canvas.style.aspectRatio = Math.min(2, Math.max(0.67, picture.naturalWidth / picture.naturalHeight));
  canvas.setAttribute('aria-hidden', 'true');
  const name = Object.assign(document.createElement('span'), { textContent: map.name });
  const label = Object.assign(document.createElement('label'), { className: 'head' });
  label.append(Object.assign(document.createElement('input'), { type: 'radio', name: 'map', value: map.name }), canvas, name);
  return label;
}

function place(overlay, { left, top, width, height }) {
  Object.assign(overlay.style, { left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * width}%`, height: `${100 * height}%` });
}

function thumbnail(canvas, picture) {
  const scale = Math.min(1, 192 / Math.max(picture.naturalWidth, picture.naturalHeight));
  canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
}

// Equal text is left alone, so that it is not read out again.
function set(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
