/**
 * Base64 as SCRAM uses it (RFC 4648, with padding), strict: what does not encode back to the same
 * text is refused.
 *
 * @module
 */

/** Bytes as text. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Text as bytes; null where it is no base64. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}
