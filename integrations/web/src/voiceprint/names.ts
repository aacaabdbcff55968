/** Names of speakers, and text that may be shown, by the rules of the Python package. */

import { ConfigError } from "../errors.js";

const MAXIMUM_NAME_BYTES = 200;
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M} \-_.'@+]*[^ .])?$/u;
const INVISIBLE =
  /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\u{e0000}-\u{e0fff}]/u;

/** Whether every character is visible; the space counts as visible. */
export function isVisible(text: string): boolean {
  return !INVISIBLE.test(text);
}

/**
 * Check a speaker's name and return it in Unicode form NFC.
 *
 * It consists of visible letters, marks and digits of any script and `space - _ . ' @ +`, begins
 * with a letter or digit, does not end with a space or period, and has at most 200 bytes in
 * UTF-8. Throws ConfigError otherwise.
 */
export function checkName(given: string): string {
  const name = given.normalize("NFC");
  const numBytes = new TextEncoder().encode(name).length;
  if (!NAME.test(name) || !isVisible(name) || numBytes > MAXIMUM_NAME_BYTES) {
    throw new ConfigError(
      "expected a name of letters, digits, spaces and - _ . ' @ +, none of them invisible, " +
        "beginning with a letter or digit, ending in neither space nor full stop, at most " +
        `${MAXIMUM_NAME_BYTES} bytes long, got ${JSON.stringify(name.slice(0, MAXIMUM_NAME_BYTES))}`,
    );
  }
  return name;
}
