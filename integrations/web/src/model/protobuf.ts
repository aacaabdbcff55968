/** The fields of a protobuf message, as far as the metadata of an ONNX file needs them. */

import { ManifestError } from "../errors.js";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** One field: `first` is its first byte, `start` and `end` delimit its content. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly first: number;
  readonly start: number;
  readonly end: number;
}

/** Whether the content of a field is bytes: a text or a nested message. */
export function isBytes(field: Field): boolean {
  return field.wire === BYTES;
}

/**
 * The fields of the message between two positions.
 *
 * Throws ManifestError if the bytes are not a message.
 */
export function* fields(content: Uint8Array, start: number, end: number): Generator<Field> {
  let position = start;
  while (position < end) {
    let [tag, at] = varint(content, position, end);
    const wire = tag % 8;
    let to: number;
    if (wire === VARINT) {
      to = varint(content, at, end)[1];
    } else if (wire === BYTES) {
      const [size, begin] = varint(content, at, end);
      at = begin;
      to = at + size;
    } else if (wire === FIXED32 || wire === FIXED64) {
      to = at + (wire === FIXED32 ? 4 : 8);
    } else {
      throw noModel();
    }
    const number = Math.floor(tag / 8);
    if (number === 0 || to > end) {
      throw noModel();
    }
    yield { number, wire, first: position, start: at, end: to };
    position = to;
  }
}

/** A variable-length integer (7 bits per byte, lowest first) and its end. */
function varint(content: Uint8Array, position: number, end: number): [number, number] {
  let value = 0;
  for (let index = 0; index < 10 && position + index < end; index += 1) {
    const byte = content[position + index]!;
    value += (byte % 128) * 2 ** (7 * index);
    if (byte < 128) {
      return [value, position + index + 1];
    }
  }
  throw noModel();
}

function noModel(): ManifestError {
  return new ManifestError(
    "the file is no ONNX model, or is truncated or damaged; get the file again",
  );
}
