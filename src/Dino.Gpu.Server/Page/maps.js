// Attention maps: from the server's .npy to colors on a canvas.

// matplotlib's viridis as in `dino attention`: 256 times red, green and blue, a byte each.
const viridis = Uint8Array.from(atob(
  'RAFURAJVRANXRQVYRQZaRQhbRglcRgteRgxfRg5hRw9iRxFjRxJlRxRmRxVnRxZpRxhqSBlrSBpsSBxuSB1vSB5wSCBxSCFySCJzSCN0RyV1RyZ2' +
  'Ryd3Ryh4Ryp5Ryt6Ryx7Ri18Ri98RjB9RjF+RTJ/RTR/RTWARTaBRDeBRDmCQzqDQzuDQzyEQj2EQj6FQkCFQUGGQUKGQEOHQESHP0WHP0eIPkiI' +
  'PkmJPUqJPUuJPUyJPE2KPE6KO1CKO1GKOlKLOlOLOVSLOVWLOFaLOFeMN1iMN1mMNlqMNluMNVyMNV2MNF6NNF+NM2CNM2GNMmKNMmONMWSNMWWN' +
  'MWaNMGeNMGiNL2mNL2qNLmuOLmyOLm2OLW6OLW+OLHCOLHGOLHKOK3OOK3SOKnWOKnaOKneOKXiOKXmOKHqOKHqOKHuOJ3yOJ32OJ36OJn+OJoCO' +
  'JoGOJYKOJYONJISNJIWNJIaNI4eNI4iNI4mNIomNIoqNIouNIYyNIY2MIY6MII+MIJCMIJGMH5KMH5OLH5SLH5WLH5aLHpeKHpiKHpmKHpmKHpqJ' +
  'HpuJHpyJHp2IHp6IHp+IHqCHH6GHH6KGH6OGIKSFIKWFIaaFIaeEIqeEI6iDI6mCJKqCJauBJqyBJ62AKK5/Ka9/KrB+K7F9LLF9LrJ8L7N7MLR6' +
  'MrV6M7Z5Nbd4Nrh3OLl2Obl2O7p1Pbt0PrxzQL1yQr5xRL5wRb9vR8BuScFtS8JsTcJrT8NpUcRoU8VnVcZmV8ZlWcdkW8hiXslhYMlgYspfZMtd' +
  'Z8xcacxba81Zbc5YcM5Wcs9VdNBUd9BSedFRfNJPftJOgdNMg9NLhtRJiNVHi9VGjdZEkNZDktdBldc/l9g+mtg8ndk6n9k4oto3pdo1p9szqtsy' +
  'rdwwr9wust0std0rt90put4nvd4mv98kwt8ixd8hx+AfyuAezeAdz+Ec0uEb1OEa1+IZ2uIY3OIY3+MY4eMY5OMY5+QZ6eQZ7OQa7uUb8eUc8+Ue' +
  '9uYf+OYh+uYi/eck'
), (letter) => letter.charCodeAt(0));

/**
 * Reads a .npy of little-endian float32.
 * @param {ArrayBuffer} buffer
 * @returns {{shape: number[], values: Float32Array}}
 */
export function readNpy(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 12 || view.getUint32(0) !== 0x934e554d) throw new Error('no .npy');
  const isFirst = view.getUint8(6) === 1;
  const start = isFirst ? 10 : 12;
  const end = start + (isFirst ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = new TextDecoder('latin1').decode(buffer.slice(start, end));
  if (!/'descr':\s*'<f4'/.test(header) || !/'fortran_order':\s*False/.test(header)) throw new Error('no float32 in rows');
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter((part) => part.trim()).map(Number);
  return { shape, values: new Float32Array(buffer.slice(end)) };
}

/**
 * The maps of a picture: the mean over the heads, then each head.
 * @param {ArrayBuffer} npy (maps, rows, columns)
 * @returns {{name: string, rows: number, columns: number, values: Float32Array}[]}
 */
export function readMaps(npy) {
  const { shape: [count, rows, columns], values } = readNpy(npy);
  const size = rows * columns;
  if (!(count > 0) || values.length !== count * size) throw new Error('no maps');
  return Array.from({ length: count }, (_, i) => (
    { name: i === 0 ? 'mean' : `head ${i - 1}`, rows, columns, values: values.subarray(i * size, (i + 1) * size) }));
}

/** Paints a map, a pixel a patch: the smallest value has the first color, the largest the last. */
export function paint(canvas, map) {
  canvas.width = map.columns;
  canvas.height = map.rows;
  const low = map.values.reduce((a, b) => Math.min(a, b));
  const high = map.values.reduce((a, b) => Math.max(a, b));
  const scale = high > low ? 256 / (high - low) : 0;
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(map.columns, map.rows);
  map.values.forEach((value, i) => {
    const color = 3 * Math.min(255, Math.max(0, Math.floor((value - low) * scale)));
    pixels.data.set([viridis[color], viridis[color + 1], viridis[color + 2], 255], 4 * i);
  });
  context.putImageData(pixels, 0, 0);
}

/**
 * The part of a picture that the model sees, as the server says how it prepares pictures: in most cases all of it, in
 * others the middle.
 * @param {{preprocessing: string, input_width: number, input_height: number}} info
 * @param {number} width The picture's, in pixels.
 * @param {number} height
 * @returns {{left: number, top: number, width: number, height: number}} Shares of the picture's sides.
 */
export function cropOf({ preprocessing, input_width: across, input_height: down }, width, height) {
  let seen = { width: 1, height: 1 };
  const crop = /(shorter side )?(\d+)(?:x(\d+))? cropped to (\d+)x(\d+)/.exec(preprocessing);
  if (preprocessing === 'dino' || crop?.[1]) {
    // Resized, with its proportions, to cover the input and a margin.
    const [marginAcross, marginDown] = crop ? [crop[2] / crop[4], crop[2] / crop[5]] : [8 / 7, 8 / 7];
    const scale = Math.max((across * marginAcross) / width, (down * marginDown) / height);
    seen = { width: across / (scale * width), height: down / (scale * height) };
  } else if (crop) {
    seen = { width: crop[4] / crop[2], height: crop[5] / crop[3] };
  } else if (preprocessing.includes('no resize')) {
    seen = { width: across / width, height: down / height };
  }
  return { left: (1 - seen.width) / 2, top: (1 - seen.height) / 2, ...seen };
}
