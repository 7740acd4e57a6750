// Frames as they come from the server or lie in a replay: bytes in, typed arrays out.

// Positions of cells are given in this many parts of the section's sides.
export const FINEST = 65535;

export function bytesOf(buffer) {
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

// The panels of a frame with their buffers as arrays; x, y in 1/65535 of the sides.
export function unpackFrame(header, buffers) {
  let next = 0;
  const take = (Kind) => {
    const bytes = bytesOf(buffers[next++]);
    return new Kind(bytes.slice().buffer); // a copy: what comes over the wire need not be aligned
  };
  return header.panels.map((panel) => {
    const fields = panel.fields.map((field) => ({ ...field, values: bytesOf(buffers[next++]) }));
    const cells = panel.counts.length ? { x: take(Uint16Array), y: take(Uint16Array), id: take(Uint32Array) } : null;
    const starts = [0];
    for (const count of panel.counts) starts.push(starts[starts.length - 1] + count);
    return { ...panel, fields, cells, starts };
  });
}

// The buffers of a picture from those of the last: `copies` of parts as [buffer, where to, where from, bytes], all else in `rest`.
export function patchBuffers(last, { sizes, copies }, rest) {
  const fresh = bytesOf(rest);
  let taken = 0;
  return sizes.map((size, number) => {
    const made = new Uint8Array(size);
    let at = 0;
    const fill = (end) => {
      made.set(fresh.subarray(taken, taken + end - at), at);
      taken += end - at;
      at = end;
    };
    for (const [buffer, to, from, length] of copies) {
      if (buffer !== number) continue;
      fill(to);
      made.set(last[number].subarray(from, from + length), to);
      at = to + length;
    }
    fill(size);
    return made;
  });
}

export async function inflate(text) {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The buffers of a moment's panels, fields summed up along their rows again: a list a panel.
export function momentBuffers(panels, bytes) {
  let at = 0;
  const take = (length) => bytes.subarray(at, (at += length));
  const made = panels.map((panel) => {
    const fields = panel.fields.map(({ shape: [rows, columns] }) => {
      const values = take(rows * columns);
      for (let i = 0; i < values.length; i++) if (i % columns) values[i] += values[i - 1];
      return values;
    });
    const cells = panel.counts.reduce((sum, count) => sum + count, 0);
    return { fields, cells: panel.counts.length ? [take(2 * cells), take(2 * cells), take(4 * cells)] : [] };
  });
  if (at !== bytes.length) throw new Error(`a moment has ${bytes.length} bytes, and ${at} are told of`);
  return made;
}

// What a viewer is to show of a moment: only the fields wanted, and of the difference map the first of them.
export function selectFields(header, parts, wanted) {
  const buffers = [];
  const panels = [];
  header.panels.forEach((panel, number) => {
    const apart = panel.fields.some((field) => field.difference);
    const names = apart ? wanted.slice(0, 1) : wanted;
    if (apart && !names.length) return;
    const places = names.map((name) => panel.fields.findIndex((field) => field.name === name));
    panels.push({ ...panel, fields: places.map((place) => panel.fields[place]) });
    buffers.push(...places.map((place) => parts[number].fields[place]), ...parts[number].cells);
  });
  return { panels, buffers };
}
