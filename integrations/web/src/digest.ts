/** SHA-256, computed by the browser. */

import { UnsupportedBrowserError } from "./errors.js";

/** The hash of the parts, one after the other. */
export async function sha256(parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new UnsupportedBrowserError(
      "expected a page from https or localhost, got one where the browser withholds " +
        "crypto.subtle; checksums and the microphone need a secure context",
    );
  }
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return new Uint8Array(await subtle.digest("SHA-256", joined));
}

/** The hash in hexadecimal digits. */
export async function sha256Hex(parts: readonly Uint8Array[]): Promise<string> {
  const digest = await sha256(parts);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
